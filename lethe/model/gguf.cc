#include "lethe/model/gguf.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <set>

#include "lethe/base/error.h"
#include "lethe/base/utf8.h"
#include "lethe/model/safetensors.h"

namespace lethe::model {
namespace {

constexpr GgufType kTypes[] = {{"F32", 0, 1, 4},       {"F16", 1, 1, 2},       {"Q4_0", 2, 32, 18},
                               {"Q4_1", 3, 32, 20},    {"Q5_0", 6, 32, 22},    {"Q5_1", 7, 32, 24},
                               {"Q8_0", 8, 32, 34},    {"Q4_K", 12, 256, 144}, {"Q5_K", 13, 256, 176},
                               {"Q6_K", 14, 256, 210}, {"BF16", 30, 1, 2}};

enum ValueType : uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

double shortest(float x) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, x).ptr;
  double out = x;
  if (std::isfinite(x)) std::from_chars(text, end, out);
  return out;
}

// The bytes of the file from its front; what is read is named in the error when they end.
class Reader {
 public:
  Reader(std::span<const std::byte> file, const std::string& where) : file_(file), where_(where) {}

  uint64_t at() const { return at_; }
  uint64_t left() const { return file_.size() - at_; }

  template <typename T>
  T number(const char* what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, file_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string string(const char* what) {
    const auto length = number<uint64_t>(what);
    need(length, what);
    std::string text(reinterpret_cast<const char*>(file_.data()) + at_, length);
    at_ += length;
    check(is_valid_utf8(text), "{}: {} at byte {} is not UTF-8", where_, what, at_ - length);
    return text;
  }

  Json value(uint32_t type, int depth) {
    switch (type) {
      case kU8:
        return number<uint8_t>("a field");
      case kI8:
        return number<int8_t>("a field");
      case kU16:
        return number<uint16_t>("a field");
      case kI16:
        return number<int16_t>("a field");
      case kU32:
        return number<uint32_t>("a field");
      case kI32:
        return number<int32_t>("a field");
      case kF32:
        return shortest(number<float>("a field"));
      case kBool:
        return number<uint8_t>("a field") != 0;
      case kString:
        return string("a field's text");
      case kArray:
        return array(depth);
      case kU64:
        return number<uint64_t>("a field");
      case kI64:
        return number<int64_t>("a field");
      case kF64:
        return number<double>("a field");
    }
    fail("{}: a field at byte {} has the unknown type {}", where_, at_, type);
  }

 private:
  void need(uint64_t bytes, const char* what) const {
    check(bytes <= left(), "{}: {} at byte {} takes {} bytes, but the file has {} left: it is cut short or damaged",
          where_, what, at_, bytes, left());
  }

  Json array(int depth) {
    check(depth < 4, "{}: the arrays at byte {} are nested too deeply", where_, at_);
    const auto type = number<uint32_t>("an array");
    const auto count = number<uint64_t>("an array");
    check(count <= left(), "{}: an array at byte {} has {} values, but the file has {} bytes left", where_, at_, count,
          left());
    Json::array_t values;
    for (uint64_t i = 0; i < count; ++i) values.push_back(value(type, depth + 1));
    return values;
  }

  std::span<const std::byte> file_;
  const std::string& where_;
  uint64_t at_ = 0;
};

GgufTensor read_tensor(Reader& in, const std::string& file) {
  GgufTensor tensor;
  tensor.name = in.string("a tensor's name");
  const std::string where = file + ": the tensor \"" + tensor.name + "\"";
  const auto dimensions = in.number<uint32_t>("a tensor");
  check(dimensions >= 1 && dimensions <= 4, "{} has {} dimensions, expected 1 to 4", where, dimensions);
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto extent = in.number<uint64_t>("a tensor");
    check(extent <= INT64_MAX, "{} has the impossible extent {}", where, extent);
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
  }
  const auto type = in.number<uint32_t>("a tensor");
  tensor.type = gguf_type(type);
  if (!tensor.type) {
    std::string known;
    for (const GgufType& t : kTypes) known += (known.empty() ? "" : ", ") + std::string(t.name);
    fail("{} has the type {}, read are {}", where, type, known);
  }
  tensor.begin = in.number<uint64_t>("a tensor");
  const int64_t elements = elements_of(tensor.shape);
  check(elements >= 0 && elements <= INT64_MAX / 8, "{} has the impossible shape {}", where, shape_text(tensor.shape));
  check(tensor.shape.back() % tensor.type->block == 0, "{} has rows of {} values, but {} keeps them in blocks of {}",
        where, tensor.shape.back(), tensor.type->name, tensor.type->block);
  tensor.bytes = static_cast<uint64_t>(elements / tensor.type->block * tensor.type->bytes);
  return tensor;
}

// Turns offsets into places in the file; no tensor may pass its end or lie on another.
void place_tensors(std::vector<GgufTensor>& tensors, uint64_t data_begin, uint64_t alignment, uint64_t file_size,
                   const std::string& where) {
  std::vector<const GgufTensor*> order;
  for (GgufTensor& tensor : tensors) {
    check(tensor.begin % alignment == 0, "{}: the tensor \"{}\" begins at {}, expected a multiple of {}", where,
          tensor.name, tensor.begin, alignment);
    const uint64_t data_size = file_size - std::min(data_begin, file_size);
    check(tensor.begin <= data_size && tensor.bytes <= data_size - tensor.begin,
          "{}: the tensor \"{}\" takes {} bytes from {} of the data, but the file holds {} bytes of data: it is cut "
          "short or damaged",
          where, tensor.name, tensor.bytes, tensor.begin, data_size);
    tensor.begin += data_begin;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const GgufTensor* a, const GgufTensor* b) { return a->begin < b->begin; });
  for (size_t i = 1; i < order.size(); ++i)
    check(order[i - 1]->begin + order[i - 1]->bytes <= order[i]->begin, "{}: the tensors \"{}\" and \"{}\" overlap",
          where, order[i - 1]->name, order[i]->name);
}

}  // namespace

const GgufType* gguf_type(uint32_t id) {
  const auto it = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgufType& t) { return t.id == id; });
  return it == std::end(kTypes) ? nullptr : it;
}

const GgufType* gguf_type(const std::string& name) {
  const auto it = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgufType& t) { return t.name == name; });
  return it == std::end(kTypes) ? nullptr : it;
}

Gguf read_gguf(std::span<const std::byte> file, const std::string& where) {
  Reader in(file, where);
  check(file.size() >= 4 && std::memcmp(file.data(), "GGUF", 4) == 0,
        "{}: does not begin with GGUF, it is no GGUF file; a model is such a file or a Hugging Face directory", where);
  in.number<uint32_t>("the header");
  Gguf out;
  out.version = in.number<uint32_t>("the header");
  check(out.version == 2 || out.version == 3, "{}: version {} of GGUF{}, read are 2 and 3", where, out.version,
        out.version > 0xFFFF ? " (written big endian)" : "");
  const auto tensors = in.number<uint64_t>("the header"), fields = in.number<uint64_t>("the header");
  for (uint64_t i = 0; i < fields; ++i) {
    std::string key = in.string("a field's name");
    const auto type = in.number<uint32_t>("a field");
    const bool fresh = out.metadata.emplace(key, in.value(type, 0)).second;
    check(fresh, "{}: the field \"{}\" stands twice", where, key);
  }
  std::set<std::string> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    out.tensors.push_back(read_tensor(in, where));
    check(names.insert(out.tensors.back().name).second, "{}: the tensor \"{}\" is listed twice", where,
          out.tensors.back().name);
  }
  const int64_t alignment = json_int(out.metadata, "general.alignment", where, 32);
  check(alignment >= 8 && alignment <= 1 << 20 && (alignment & (alignment - 1)) == 0,
        "{}: \"general.alignment\" is {}, expected a power of two from 8", where, alignment);
  const uint64_t step = static_cast<uint64_t>(alignment);
  place_tensors(out.tensors, (in.at() + step - 1) / step * step, step, file.size(), where);
  return out;
}

}  // namespace lethe::model
