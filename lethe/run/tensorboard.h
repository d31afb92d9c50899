// A TensorBoard event file of scalars, written by hand: TFRecord frames with masked CRC-32C around Event messages in
// the protobuf wire format. Formats: tensorflow/core/lib/io/record_writer.cc, core/util/event.proto,
// core/framework/summary.proto.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lethe::run {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78).
uint32_t crc32c(std::string_view bytes);

// One record of a TFRecord file: length (8 bytes, little-endian), masked CRC of it (4), the data, masked CRC of the
// data (4).
std::string tfrecord(std::string_view data);

// The length in bytes of the first `count` whole records of `file`, or of those there are where it holds fewer or is
// damaged; `found` is how many that is.
size_t tfrecord_prefix(std::string_view file, int64_t count, int64_t* found);

// Event messages: the one that opens every file, and the scalars of one step. `wall_time` is in seconds since 1970.
std::string version_event(double wall_time);
std::string scalars_event(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

}  // namespace lethe::run
