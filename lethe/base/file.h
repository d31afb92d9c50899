// Files: read whole, map, and write so that a reader never sees half of one (written beside, then renamed).
// Every error names the path and the system's reason.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace lethe {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path);

// Calls line(number, text) for each line, numbers from 1, without the line's end ("\n" or "\r\n").
void for_each_line(const fs::path& path, const std::function<void(int64_t, std::string_view)>& line);

// A whole file mapped read-only; unmapped by the destructor.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Writes PATH.part in order and renames it to PATH on commit(); without commit() nothing is left behind.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();  // flush, fsync, rename

 private:
  fs::path path_, part_;
  int fd_ = -1;
};

void write_file(const fs::path& path, std::string_view bytes);  // AtomicFile in one call

// Writes all of it to a descriptor, whatever signals come; errors call it `name`.
void write_all(int fd, std::string_view bytes, const std::string& name);

// What a file or a directory is called: "smollm2", also of "models/smollm2/" and, inside of it, of ".".
std::string name_of(const fs::path& path);

// The rule of every --out: what exists, an empty directory too, is refused unless `overwrite`, and only its own kind
// takes its place: no file that of a directory, no world that of a model, nor the other way round. `hint` ends the
// message, `option` begins it.
enum class OutKind { kFile, kModel, kWorld };
void check_out(const fs::path& out, OutKind kind, bool overwrite, std::string_view hint = "",
               std::string_view option = "--out");

// That the output is not a file or a directory that is read, under whatever name.
void check_not_read(const fs::path& out, const fs::path& input, std::string_view option = "--out");

}  // namespace lethe
