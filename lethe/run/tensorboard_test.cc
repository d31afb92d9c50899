#include "lethe/run/tensorboard.h"

#include <doctest/doctest.h>

using namespace lethe::run;
using namespace std::string_literals;

TEST_CASE("CRC-32C gives the published vectors (RFC 3720, B.4)") {
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  CHECK(crc32c("") == 0u);
}

TEST_CASE("events have the bytes of the protobuf wire format") {
  CHECK(version_event(1.0) ==
        "\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d"s
        "brain.Event:2");
  // wall_time 1.0; step 300 = ac 02; summary of 12 bytes: a value of 10 bytes: tag "a/b" and the float 0.5.
  CHECK(scalars_event(1.0, 300, {{"a/b", 0.5}}) ==
        "\x09\0\0\0\0\0\0\xf0\x3f\x10\xac\x02\x2a\x0c\x0a\x0a\x0a\x03"s
        "a/b"
        "\x15\0\0\0\x3f"s);
}

TEST_CASE("a frame is the one that TensorFlow's record writer makes") {
  // As written by tensorboard.summary.writer.record_writer.RecordWriter (tensorboard 2.21) for the data "lethe".
  CHECK(tfrecord("lethe") ==
        "\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3e"s
        "lethe"
        "\x36\x1a\x31\xc1");
}

TEST_CASE("the whole records of a torn file are found") {
  const std::string one = tfrecord("first"), two = tfrecord("the second"), file = one + two;
  int64_t found = 0;
  CHECK(tfrecord_prefix(file, 9, &found) == file.size());
  CHECK(found == 2);
  CHECK(tfrecord_prefix(file, 1, &found) == one.size());
  CHECK(found == 1);
  for (size_t size = one.size(); size < file.size(); ++size) {
    CHECK(tfrecord_prefix(std::string_view(file).substr(0, size), 9, &found) == one.size());
    CHECK(found == 1);
  }
  std::string damaged = file;
  damaged[13] ^= 1;  // in the data of the first
  CHECK(tfrecord_prefix(damaged, 9, &found) == 0);
  CHECK(found == 0);
  CHECK(tfrecord_prefix(std::string(64, '\xff'), 9, &found) == 0);
}
