#include "lethe/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lethe/base/error.h"

namespace lethe {
namespace {

struct OpenFile {  // a descriptor that closes itself
  int fd;
  explicit OpenFile(const fs::path& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    check(fd >= 0, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  ~OpenFile() { ::close(fd); }
};

size_t regular_size(const OpenFile& file, const fs::path& path) {
  struct stat info;
  const int failed = ::fstat(file.fd, &info);
  check(failed == 0, "cannot read {}: {}", path.string(), std::strerror(errno));
  check(!S_ISDIR(info.st_mode), "cannot read {}: it is a directory, a file was expected", path.string());
  return static_cast<size_t>(info.st_size);
}

}  // namespace

std::string read_file(const fs::path& path) {
  OpenFile file(path);
  std::string text;
  text.resize(regular_size(file, path));  // pipes say 0 and grow below
  size_t done = 0;
  while (true) {
    if (done == text.size()) text.resize(text.size() + 65536);
    const ssize_t n = ::read(file.fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    check(n >= 0, "cannot read {}: {}", path.string(), std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

void for_each_line(const fs::path& path, const std::function<void(int64_t, std::string_view)>& line) {
  const std::string text = read_file(path);
  std::string_view rest = text;
  for (int64_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    std::string_view current = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (!current.empty() && current.back() == '\r') current.remove_suffix(1);
    line(number, current);
  }
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  OpenFile file(path);
  size_ = regular_size(file, path);
  if (size_ == 0) return;
  void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  check(p != MAP_FAILED, "cannot map {} ({} bytes): {}", path.string(), size_, std::strerror(errno));
  data_ = static_cast<const std::byte*>(p);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), part_(path_.string() + ".part") {
  fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check(fd_ >= 0, "cannot write {}: {}", path_.string(), std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
  write_all(fd_, {static_cast<const char*>(data), size}, path_.string());
}

void AtomicFile::commit() {
  const bool synced = ::fsync(fd_) == 0 || errno == EINVAL;
  check(synced, "cannot write {}: {}", path_.string(), std::strerror(errno));
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || ::rename(part_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    ::unlink(part_.c_str());
    fail("cannot write {}: {}", path_.string(), std::strerror(reason));
  }
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    check(n > 0, "cannot write {}: {}", name, std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::string name_of(const fs::path& path) {
  if (path.empty()) return "";
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

void check_out(const fs::path& out, OutKind kind, bool overwrite, std::string_view hint, std::string_view option) {
  if (!fs::exists(out)) return;
  const bool directory = fs::is_directory(out);
  if (kind != OutKind::kFile) {
    check(directory, "{} {} is a file, a directory is expected", option, out.string());
    const auto holds = [&](const char* name, const char* other) {
      check(!fs::exists(out / name), "{} {} holds {}, {}, which is not replaced; give another directory", option,
            out.string(), other, name);
    };
    if (kind == OutKind::kModel) holds("world.toml", "a world");
    if (kind == OutKind::kWorld) holds("config.json", "a model"), holds("adapter_config.json", "an adapter");
  } else {
    check(!directory, "{} {} is a directory, a file is expected", option, out.string());
    check(fs::is_regular_file(out), "{} {} is no regular file, which cannot be replaced; give another", option,
          out.string());
  }
  check(overwrite, "{} {} exists; --overwrite replaces {}{}", option, out.string(),
        directory ? "the model or world in it" : "it", hint);
}

void check_not_read(const fs::path& out, const fs::path& input, std::string_view option) {
  std::error_code none;
  check(!fs::equivalent(out, input, none), "{} {} is {}, which is read; give another place", option, out.string(),
        input.string());
}

}  // namespace lethe
