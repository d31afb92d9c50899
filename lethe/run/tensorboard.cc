#include "lethe/run/tensorboard.h"

#include <array>
#include <bit>
#include <cstring>

namespace lethe::run {
namespace {

static_assert(std::endian::native == std::endian::little, "the records below are written in the machine's byte order");

template <typename T>
void put_fixed(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <typename T>
T get_fixed(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

// Protobuf keys are (field number << 3) | wire type; the types used here:
enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
void put_key(std::string& out, int field, WireType type) { put_varint(out, static_cast<uint64_t>(field << 3 | type)); }

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// Stored CRCs are rotated and offset, since a CRC of data that holds its own CRC is weak.
uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> t;
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
      t[i] = crc;
    }
    return t;
  }();
  uint32_t crc = ~0u;
  for (const unsigned char byte : bytes) crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF];
  return ~crc;
}

std::string tfrecord(std::string_view data) {
  std::string record;
  put_fixed<uint64_t>(record, data.size());
  put_fixed(record, masked_crc(record));
  record += data;
  put_fixed(record, masked_crc(data));
  return record;
}

size_t tfrecord_prefix(std::string_view file, int64_t count, int64_t* found) {
  constexpr size_t kHead = 12, kTail = 4;
  size_t end = 0;
  for (*found = 0; *found < count; ++*found) {
    const std::string_view rest = file.substr(end);
    if (rest.size() < kHead + kTail || get_fixed<uint32_t>(rest, 8) != masked_crc(rest.substr(0, 8))) break;
    const auto size = get_fixed<uint64_t>(rest, 0);
    if (size > rest.size() - kHead - kTail) break;
    if (get_fixed<uint32_t>(rest, kHead + size) != masked_crc(rest.substr(kHead, size))) break;
    end += kHead + size + kTail;
  }
  return end;
}

// message Event { double wall_time = 1; int64 step = 2; oneof { string file_version = 3; Summary summary = 5; } }
std::string version_event(double wall_time) {
  std::string event;
  put_key(event, 1, kFixed64);
  put_fixed(event, wall_time);
  put_bytes(event, 3, "brain.Event:2");
  return event;
}

// message Summary { repeated Value value = 1; }   message Value { string tag = 1; float simple_value = 2; }
std::string scalars_event(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);
    put_key(value, 2, kFixed32);
    put_fixed(value, static_cast<float>(number));
    put_bytes(summary, 1, value);
  }
  std::string event;
  put_key(event, 1, kFixed64);
  put_fixed(event, wall_time);
  put_key(event, 2, kVarint);
  put_varint(event, static_cast<uint64_t>(step));
  put_bytes(event, 5, summary);
  return event;
}

}  // namespace lethe::run
