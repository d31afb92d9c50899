#include "lethe/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lethe/base/error.h"
#include "lethe/text/regex_syntax.h"

namespace lethe::text {
namespace {

std::string pcre2_message(int error) {
  PCRE2_UCHAR8 buffer[256];
  pcre2_get_error_message(error, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

// What a thread needs to match: room for one pair of offsets, and a stack for compiled code that backtracks much.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, 16 * 1024 * 1024, nullptr);

  Workspace() {
    check(data && context && stack, "out of memory for a regular expression");
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};

}  // namespace

struct Regex::Code {
  pcre2_code* compiled;
  bool jit;
};

void Regex::Free::operator()(Code* code) const {
  pcre2_code_free(code->compiled);
  delete code;
}

Regex::Regex(std::string_view pattern, const std::string& where) : where_(where) {
  const std::string translated = pcre2_syntax(pattern, where);
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  check(context != nullptr, "out of memory for a regular expression");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_bsr(context.get(), PCRE2_BSR_UNICODE);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &at, context.get());
  check(compiled != nullptr, "{}: the regular expression \"{}\" does not compile: {}", where, pattern,
        pcre2_message(error));
  // Where there is no just-in-time compiler, PCRE2's interpreter does.
  code_.reset(new Code{compiled, pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0});
}

bool Regex::find(std::string_view text, size_t from, Match& match) const {
  thread_local Workspace workspace;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const int found =
      code_->jit ? pcre2_jit_match(code_->compiled, subject, text.size(), from, 0, workspace.data, workspace.context)
                 : pcre2_match(code_->compiled, subject, text.size(), from, PCRE2_NO_UTF_CHECK, workspace.data,
                               workspace.context);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  check(found >= 0, "{}: matching its regular expression failed: {}", where_, pcre2_message(found));
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(workspace.data);
  match = {offsets[0], offsets[1]};
  return true;
}

}  // namespace lethe::text
