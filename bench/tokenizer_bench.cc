// Times a tokenizer: tokenizer_bench TOKENIZER TEXT prints one line of JSON with the milliseconds that loading took
// and, after one pass to warm up, megabytes of text a second for TEXT as a whole, line by line, and back from ids to
// text. One thread. bench/tokenizer.py runs it in turn with the Python package `tokenizers`.
#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <vector>

#include "lethe/text/tokenizer.h"

using namespace lethe;

namespace {

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(const char* tokenizer_path, const char* text_path) {
  std::vector<text::Tokenizer> loaded;
  const double load = seconds([&] { loaded.push_back(text::Tokenizer::load(tokenizer_path)); });
  const text::Tokenizer& tokenizer = loaded[0];
  const std::string all = read_file(text_path);
  std::vector<std::string> lines;
  for_each_line(text_path, [&](int64_t, std::string_view line) { lines.emplace_back(line); });

  std::vector<int32_t> ids = tokenizer.encode(all, false);
  const double whole = seconds([&] { ids = tokenizer.encode(all, false); });
  size_t count = 0;
  const double by_line = seconds([&] {
    for (const std::string& line : lines) count += tokenizer.encode(line, true).size();
  });
  std::string back;
  const double decode = seconds([&] { back = tokenizer.decode(ids); });
  const auto speed = [&](double time) { return static_cast<double>(all.size()) / 1e6 / time; };
  fmt::print(R"({{"load_ms": {:.1f}, "whole": {:.2f}, "lines": {:.2f}, "decode": {:.2f}, "ids": {}, "line_ids": {}}})",
             load * 1e3, speed(whole), speed(by_line), speed(decode), ids.size(), count);
  fmt::print("\n");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::invalid_argument("usage: tokenizer_bench TOKENIZER TEXT");
    run(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
