// Work in processes of its own, several at a time: forked, so the caller must not have started threads. What a worker
// says on stderr is passed on line by line, with a prefix.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <list>
#include <string>

#include "lethe/run/run_folder.h"

namespace lethe::study {

class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();  // interrupts those that run, and waits for them

  // `prefix` begins the lines that it says on stderr, `name` the error where a signal ends it.
  void start(size_t id, const std::string& prefix, const std::string& name, const std::function<void()>& work);
  size_t running() const { return workers_.size(); }

  // Waits for the next to end and returns its id. Throws what its work threw (Interrupted, UsageError, or Error), and
  // an Error where a signal ended it. On Ctrl-C the workers are interrupted: the first to end throws Interrupted.
  size_t wait();

 private:
  struct Worker {
    size_t id;
    std::string prefix, name;
    pid_t process;
    run::Descriptor messages, failure;
    std::string line;  // what came of one that has not ended
  };
  void interrupt();
  void relay(Worker& worker, const char* text, size_t size);
  size_t ended(std::list<Worker>::iterator at);

  std::list<Worker> workers_;
  bool interrupted_ = false;
};

}  // namespace lethe::study
