// Files that appear in a directory all together: written as NAME.part, renamed by commit(). Without commit() (an error,
// a full disk) the parts are removed, and so are the directories that were made for them.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lethe/base/file.h"

namespace lethe::model {

class StagedDirectory {
 public:
  explicit StagedDirectory(fs::path directory);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  // Begins a file and returns its number.
  int create(const std::string& name);
  // Writes at a place of it; may be called from several threads at once.
  void write(int file, uint64_t offset, std::span<const std::byte> bytes);
  void add(const std::string& name, std::string_view text);  // a whole file

  // Renames all parts, in the order of create(); before that removes the files named in `stale`. As with cp the data is
  // on the disk once the system has written its cache.
  void commit(const std::vector<fs::path>& stale = {});

 private:
  struct File {
    fs::path path;
    int fd;
  };
  fs::path part_of(const File& file) const;

  fs::path directory_;
  fs::path made_;  // the topmost directory that was not there before; empty: all were
  std::vector<File> files_;
};

}  // namespace lethe::model
