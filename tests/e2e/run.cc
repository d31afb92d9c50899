#include "tests/e2e/run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "lethe/base/file.h"
#include "tests/temp_dir.h"

Run run_lethe(const std::vector<std::string>& arguments, const std::string& stdout_path) {
  const TempDir dir;
  const std::string out = stdout_path.empty() ? (dir / "out").string() : stdout_path, err = (dir / "err").string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(::open(out.c_str(), O_CREAT | O_WRONLY, 0600), 1);
    ::dup2(::open(err.c_str(), O_CREAT | O_WRONLY, 0600), 2);
    std::vector<char*> argv = {const_cast<char*>(LETHE_PROGRAM)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(LETHE_PROGRAM, argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  Run run;
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (stdout_path.empty()) run.out = lethe::read_file(out);
  run.err = lethe::read_file(err);
  return run;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string golden(const std::string& path) { return "tests/golden/" + path; }
