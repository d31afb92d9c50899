#include "lethe/model/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"
#include "lethe/tensor/ops.h"

namespace lethe::model {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little endian and mapped as they are");

uint64_t natural(const Json& value, const std::string& where, const char* what) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
    fail("{}: {} holds {}, expected natural numbers", where, what, shown(value));
  return value.get<uint64_t>();
}

SafetensorsEntry read_entry(const std::string& name, const Json& json, uint64_t data_begin, uint64_t data_size,
                            const std::string& file) {
  const std::string where = file + ": the tensor \"" + shortened(name, 120) + "\"";
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = json_string(json, "dtype", where);
  const int64_t width = bytes_of_dtype(entry.dtype);
  check(width > 0, "{} has the unknown dtype \"{}\"", where, shortened(entry.dtype));
  const Json& shape = json_field(json, "shape", where);
  check(shape.is_array(), "{}: \"shape\" is {}, expected a list", where, shown(shape));
  for (const Json& extent : shape) entry.shape.push_back(static_cast<int64_t>(natural(extent, where, "\"shape\"")));
  const int64_t elements = elements_of(entry.shape);
  check(elements >= 0 && elements <= INT64_MAX / width, "{} has the impossible shape {}", where,
        shortened(shape_text(entry.shape)));

  const Json& offsets = json_field(json, "data_offsets", where);
  check(offsets.is_array() && offsets.size() == 2, "{}: \"data_offsets\" is {}, expected two numbers", where,
        shown(offsets));
  const uint64_t begin = natural(offsets[0], where, "\"data_offsets\"");
  const uint64_t end = natural(offsets[1], where, "\"data_offsets\"");
  check(begin <= end && end <= data_size,
        "{} lies at bytes {} to {} of the data, but the file holds {} bytes of data: it is cut short or damaged", where,
        begin, end, data_size);
  entry.begin = data_begin + begin;
  entry.bytes = end - begin;
  check(entry.bytes == static_cast<uint64_t>(elements * width), "{} takes {} bytes, expected {} for {} {}", where,
        entry.bytes, elements * width, entry.dtype, shape_text(entry.shape));
  return entry;
}

}  // namespace

std::optional<tensor::DType> computable_dtype(const std::string& dtype) {
  if (dtype == "F32") return tensor::DType::kF32;
  if (dtype == "BF16") return tensor::DType::kBF16;
  if (dtype == "F16") return tensor::DType::kF16;
  return std::nullopt;
}

void widen(tensor::DType dtype, std::span<const std::byte> from, int64_t count, float* out) {
  std::vector<std::byte> aligned;
  if (reinterpret_cast<uintptr_t>(from.data()) % tensor::size_of(dtype) != 0) {
    aligned.assign(from.begin(), from.end());
    from = aligned;
  }
  tensor::convert(tensor::Tensor(const_cast<std::byte*>(from.data()), dtype, 1, count), tensor::Tensor(out, 1, count));
}

int64_t bytes_of_dtype(const std::string& dtype) {
  static const std::map<std::string, int64_t> widths = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},     {"U32", 4},
      {"F32", 4},  {"I64", 8}, {"U64", 8}, {"F64", 8},     {"C64", 8}};
  const auto it = widths.find(dtype);
  return it == widths.end() ? 0 : it->second;
}

int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t extent : shape) {
    if (extent < 0) return -1;
    if (extent > 0 && n > (int64_t{1} << 62) / extent) return -1;
    n *= extent;
  }
  return n;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("{}", shape); }

SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& where) {
  check(file.size() >= 8, "{}: {} bytes long, too short for a safetensors file", where, file.size());
  uint64_t length;
  std::memcpy(&length, file.data(), 8);
  check(length <= file.size() - 8,
        "{}: the header says it is {} bytes long, but the file has {}: it is cut short or no safetensors file", where,
        length, file.size());
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, length);
  check(text.starts_with('{'), "{}: the header does not begin with {{, it is no safetensors file", where);
  const Json json = parse_strict_json(text, where + " (header)");

  SafetensorsHeader header;
  header.data_begin = 8 + length;
  const uint64_t data_size = file.size() - header.data_begin;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      check(value.is_object(), "{}: \"__metadata__\" is {}, expected an object", where, value.type_name());
      for (const auto& [key, text_value] : value.items())
        header.metadata[key] = json_string(value, key.c_str(), where + ": __metadata__");
    } else {
      header.entries.push_back(read_entry(name, value, header.data_begin, data_size, where));
    }
  }
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  uint64_t at = header.data_begin;
  const std::string* previous = nullptr;
  for (const SafetensorsEntry& entry : header.entries) {
    check(entry.begin >= at, "{}: the tensors \"{}\" and \"{}\" overlap", where, previous ? *previous : "", entry.name);
    check(entry.begin == at, "{}: {} bytes before the tensor \"{}\" belong to no tensor", where, entry.begin - at,
          entry.name);
    at += entry.bytes;
    previous = &entry.name;
  }
  check(at == file.size(), "{}: {} bytes at its end belong to no tensor", where, file.size() - at);
  return header;
}

std::string safetensors_header(std::vector<SafetensorsEntry>& entries,
                               const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, OrderedJson>> fields;
  if (!metadata.empty()) fields.emplace_back("__metadata__", metadata);
  uint64_t at = 0;
  for (SafetensorsEntry& entry : entries) {
    entry.begin = at;
    entry.bytes = static_cast<uint64_t>(elements_of(entry.shape) * bytes_of_dtype(entry.dtype));
    at += entry.bytes;
    fields.emplace_back(
        entry.name, OrderedJson{{"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {entry.begin, at}}});
  }
  std::string text = "{";
  for (const auto& [name, value] : fields)
    text += (text.size() > 1 ? "," : "") + OrderedJson(name).dump() + ":" + value.dump();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  for (SafetensorsEntry& entry : entries) entry.begin += 8 + length;
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + text;
}

}  // namespace lethe::model
