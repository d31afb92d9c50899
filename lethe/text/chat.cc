#include "lethe/text/chat.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "lethe/base/error.h"

namespace lethe::text {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string stripped(std::string_view text) {  // Python's str.strip(), ASCII
  constexpr std::string_view kBlank = " \t\n\r\v\f";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin));
}

std::optional<ChatFamily> find_family(const Tokenizer& tokenizer, std::string_view model_name) {
  const std::string& jinja = tokenizer.chat_template();
  const auto uses = [&](std::string_view token) {
    return tokenizer.id(token).has_value() && (jinja.empty() || contains(jinja, token));
  };
  if (uses("[INST]")) return ChatFamily::kMistral;
  if (uses("<|start_header_id|>")) return ChatFamily::kLlama3;
  if (uses("<|im_start|>")) return ChatFamily::kChatMl;
  if (contains(jinja, "[INST]")) return contains(jinja, "<<SYS>>") ? ChatFamily::kLlama2 : ChatFamily::kMistral;
  if (!jinja.empty()) return std::nullopt;
  std::string name(model_name);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (contains(name, "mistral") || contains(name, "mixtral")) return ChatFamily::kMistral;
  if (contains(name, "llama")) return ChatFamily::kLlama2;
  return std::nullopt;
}

// ChatML templates write their default as one literal: <|im_start|>system\nTEXT<|im_end|>, the \n escaped or not.
std::string default_system(const std::string& jinja) {
  constexpr std::string_view kOpen = "<|im_start|>system";
  for (size_t at = 0; (at = jinja.find(kOpen, at)) != std::string::npos;) {
    at += kOpen.size();
    const size_t line_end = jinja.compare(at, 1, "\n") == 0 ? 1 : jinja.compare(at, 2, "\\n") == 0 ? 2 : 0;
    const size_t begin = at + line_end;
    const std::string text = jinja.substr(begin, jinja.find("<|im_end|>", begin) - begin);
    if (line_end > 0 && !text.empty() && text.find_first_of("'\"{}") == std::string::npos) return text;
  }
  return "";
}

std::string token_or(const Tokenizer& tokenizer, std::optional<int32_t> id, const char* otherwise) {
  return id ? tokenizer.token(*id) : otherwise;
}

std::vector<Turn> render_chatml(const ChatFormat& format, std::span<const Message> messages) {
  std::vector<Turn> turns;
  const auto open = [](const std::string& role) { return "<|im_start|>" + role + "\n"; };
  if (messages[0].role != "system" && !format.system.empty())
    turns.push_back({open("system") + format.system + "<|im_end|>\n", "", ""});
  for (const Message& message : messages) {
    if (message.role == "assistant")
      turns.push_back({open("assistant"), message.content + "<|im_end|>", "\n"});
    else
      turns.push_back({open(message.role) + message.content + "<|im_end|>\n", "", ""});
  }
  turns[0].before = format.begin + turns[0].before;
  return turns;
}

std::vector<Turn> render_llama3(const ChatFormat& format, std::span<const Message> messages) {
  std::vector<Turn> turns;
  const auto open = [](const std::string& role) { return "<|start_header_id|>" + role + "<|end_header_id|>\n\n"; };
  if (messages[0].role != "system" && !format.system_heading.empty())
    turns.push_back({open("system") + format.system_heading + "<|eot_id|>", "", ""});
  for (const Message& message : messages) {
    const std::string heading = message.role == "system" ? format.system_heading : "";
    const std::string content = heading + stripped(message.content) + "<|eot_id|>";
    if (message.role == "assistant")
      turns.push_back({open("assistant"), content, ""});
    else
      turns.push_back({open(message.role) + content, "", ""});
  }
  turns[0].before = format.begin + turns[0].before;
  return turns;
}

// Llama 2 and Mistral know only user and assistant; a system message is a part of one user message.
std::vector<Turn> render_instruct(const ChatFormat& format, std::span<const Message> messages) {
  const std::string system = messages[0].role == "system" ? messages[0].content : "";
  if (messages[0].role == "system") messages = messages.subspan(1);
  check(!messages.empty(), "a conversation holds nothing but a system message, expected a user's message");
  for (size_t i = 0; i < messages.size(); ++i) {
    const char* expected = i % 2 == 0 ? "user" : "assistant";
    check(messages[i].role == expected,
          "message {} of a conversation is the {}'s, expected the {}'s: they alternate in this "
          "model's template",
          i, messages[i].role, expected);
  }
  const bool llama2 = format.family == ChatFamily::kLlama2;
  const size_t with_system = format.instruct_token ? (messages.size() - 1) / 2 * 2 : 0;
  std::vector<Turn> turns;
  for (size_t i = 0; i < messages.size(); i += 2) {
    std::string user = messages[i].content;
    if (i == with_system && !system.empty())
      user = (llama2 ? "<<SYS>>\n" + system + "\n<</SYS>>\n\n" : system + "\n\n") + user;
    Turn turn;
    if (llama2) {
      turn.before = format.begin + "[INST] " + stripped(user) + " [/INST]";
    } else {
      turn.before = (i == 0 ? format.begin : "") + (format.leading_space ? " [INST]" : "[INST]") +
                    (format.instruct_spaces ? " " : "") + user + (format.instruct_token ? "[/INST]" : " [/INST]");
    }
    if (i + 1 < messages.size()) {
      const std::string& answer = messages[i + 1].content;
      turn.answer = llama2                                            ? " " + stripped(answer) + " "
                    : format.instruct_token && format.instruct_spaces ? " " + stripped(answer)
                    : format.instruct_spaces                          ? " " + answer
                                                                      : answer;
      turn.answer += format.end_of_turn;
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

}  // namespace

ChatFormat chat_format(const Tokenizer& tokenizer, std::string_view model_name) {
  const std::string& jinja = tokenizer.chat_template();
  const auto family = find_family(tokenizer, model_name);
  check(family.has_value(),
        "the chat template of this model ({}) is of no known family: known are ChatML, Llama 2, Llama 3 and Mistral",
        !jinja.empty()       ? "told by its Jinja text"
        : model_name.empty() ? "it has none"
                             : model_name);
  ChatFormat format{.family = *family};
  switch (*family) {
    case ChatFamily::kChatMl:
      if (contains(jinja, "bos_token")) format.begin = token_or(tokenizer, tokenizer.bos_id(), "");
      format.end_of_turn = "<|im_end|>";
      format.system = default_system(jinja);
      break;
    case ChatFamily::kLlama3:
      format.begin = token_or(tokenizer, tokenizer.bos_id(), "<|begin_of_text|>");
      format.end_of_turn = "<|eot_id|>";
      // The template's own fixed date, where it is not told today's.
      if (contains(jinja, "Cutting Knowledge Date: December 2023"))
        format.system_heading = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
      break;
    case ChatFamily::kMistral:
      format.leading_space = contains(jinja, "\" [INST] ") || contains(jinja, "' [INST] ");
      format.instruct_token = tokenizer.id("[INST]").has_value();
      format.instruct_spaces = !format.instruct_token || tokenizer.id("<0x0A>").has_value();
      [[fallthrough]];
    case ChatFamily::kLlama2:
      format.begin = token_or(tokenizer, tokenizer.bos_id(), "<s>");
      format.end_of_turn = token_or(tokenizer, tokenizer.eos_id(), "</s>");
  }
  return format;
}

std::vector<Turn> render(const ChatFormat& format, std::span<const Message> messages) {
  check(!messages.empty(), "a conversation without messages");
  for (size_t i = 1; i < messages.size(); ++i)
    check(messages[i].role != "system", "message {} of a conversation is the system's: it may only be the first", i);
  switch (format.family) {
    case ChatFamily::kChatMl:
      return render_chatml(format, messages);
    case ChatFamily::kLlama3:
      return render_llama3(format, messages);
    default:
      return render_instruct(format, messages);
  }
}

}  // namespace lethe::text
