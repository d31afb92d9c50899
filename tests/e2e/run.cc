#include "tests/e2e/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "lethe/base/file.h"
#include "tests/temp_dir.h"

namespace {

// A started program, its output going to files in a folder of its own.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::string& stdout_path)
      : out_(stdout_path.empty() ? (dir_ / "out").string() : stdout_path), keep_out_(stdout_path.empty()) {
    const std::string err = (dir_ / "err").string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(::open(out_.c_str(), O_CREAT | O_WRONLY, 0600), 1);
    ::dup2(::open(err.c_str(), O_CREAT | O_WRONLY, 0600), 2);
    std::vector<char*> argv = {const_cast<char*>(LETHE_PROGRAM)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(LETHE_PROGRAM, argv.data());
    ::_exit(127);
  }

  bool ended() { return ended_ = ended_ || ::waitpid(pid_, &status_, WNOHANG) == pid_; }
  void send(int signal) const { ::kill(pid_, signal); }

  Run wait() {
    if (!ended_) ::waitpid(pid_, &status_, 0);
    Run run;
    run.status = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    if (keep_out_) run.out = lethe::read_file(out_);
    run.err = lethe::read_file(dir_ / "err");
    return run;
  }

 private:
  const TempDir dir_;
  const std::string out_;
  const bool keep_out_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace

Run run_lethe(const std::vector<std::string>& arguments, const std::string& stdout_path) {
  return Child(arguments, stdout_path).wait();
}

Run run_lethe_until(const std::vector<std::string>& arguments, const std::function<bool()>& when, int signal,
                    const std::string& stdout_path) {
  Child child(arguments, stdout_path);
  while (!child.ended() && !when()) ::usleep(200);
  if (!child.ended()) child.send(signal);
  return child.wait();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string golden(const std::string& path) { return "tests/golden/" + path; }
