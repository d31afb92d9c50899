#include "lethe/model/staged_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lethe/base/error.h"

namespace lethe::model {

StagedDirectory::StagedDirectory(fs::path directory) : directory_(fs::absolute(directory / "").parent_path()) {
  std::error_code error;
  for (fs::path path = directory_; !fs::exists(path, error) && path.has_relative_path(); path = path.parent_path())
    made_ = path;
  fs::create_directories(directory_, error);
  check(fs::is_directory(directory_), "cannot make the directory {}: {}", directory_.string(),
        error ? error.message() : "a file is in its place");
}

StagedDirectory::~StagedDirectory() {
  for (const File& file : files_) {
    if (file.fd >= 0) ::close(file.fd);
    ::unlink(part_of(file).c_str());
  }
  if (made_.empty()) return;
  for (fs::path path = directory_; ::rmdir(path.c_str()) == 0 && path != made_; path = path.parent_path()) {
  }  // only where nothing else is in it
}

fs::path StagedDirectory::part_of(const File& file) const { return file.path.string() + ".part"; }

int StagedDirectory::create(const std::string& name) {
  File file{directory_ / name, -1};
  file.fd = ::open(part_of(file).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  check(file.fd >= 0, "cannot write {}: {}", file.path.string(), std::strerror(errno));
  files_.push_back(std::move(file));
  return static_cast<int>(files_.size()) - 1;
}

void StagedDirectory::write(int number, uint64_t offset, std::span<const std::byte> bytes) {
  const File& file = files_[static_cast<size_t>(number)];
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    check(n > 0, "cannot write {}: {}", file.path.string(), std::strerror(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
}

void StagedDirectory::add(const std::string& name, std::string_view text) {
  write(create(name), 0, std::as_bytes(std::span(text)));
}

void StagedDirectory::commit(const std::vector<fs::path>& stale) {
  for (File& file : files_) {  // some file systems tell only now that there was no room
    const int fd = file.fd;
    file.fd = -1;
    const bool closed = ::close(fd) == 0;
    check(closed, "cannot write {}: {}", file.path.string(), std::strerror(errno));
  }
  for (const fs::path& path : stale) {
    const bool removed = ::unlink(path.c_str()) == 0 || errno == ENOENT;
    check(removed, "cannot remove {}: {}", path.string(), std::strerror(errno));
  }
  for (const File& file : files_) {
    const bool renamed = ::rename(part_of(file).c_str(), file.path.c_str()) == 0;
    check(renamed, "cannot write {}: {}", file.path.string(), std::strerror(errno));
  }
  files_.clear();
  made_.clear();
}

}  // namespace lethe::model
