#include "lethe/text/post_processor.h"

#include "lethe/base/error.h"
#include "lethe/text/component.h"
#include "lethe/text/vocabulary.h"

namespace lethe::text {
namespace {

int32_t read_id(const Json& json, const std::string& where) {
  check(json.is_number_integer() && json >= 0 && json <= Vocabulary::kMaxId, "{}: {} is no token id", where,
        shown(json));
  return json.get<int32_t>();
}

// ["[SEP]", 102]
int32_t read_pair(const Json& json, const char* key, const std::string& where) {
  const Json& pair = json_field(json, key, where);
  check(pair.is_array() && pair.size() == 2, "{}: \"{}\" is {}, expected a token and its id", where, key, shown(pair));
  return read_id(pair[1], where);
}

}  // namespace

PostProcessor::PostProcessor(const Json& json, const std::string& where) {
  if (!json.is_null()) add(json, where);
}

void PostProcessor::add(const Json& json, const std::string& where) {
  static constexpr std::string_view kKnown[] = {"Sequence", "ByteLevel", "TemplateProcessing", "BertProcessing",
                                                "RobertaProcessing"};
  const std::string type = component_type(json, where);
  const std::string inside = where + ": " + type;
  if (type == "Sequence") {
    for (const Json& step : component_list(json, "processors", where)) add(step, where);
  } else if (type == "TemplateProcessing") {
    steps_.push_back(read_template(json, inside));
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    steps_.push_back({{read_pair(json, "cls", inside)}, {read_pair(json, "sep", inside)}});
  } else if (type != "ByteLevel") {  // which moves offsets only
    fail_unknown(where, "type", type, kKnown);
  }
}

PostProcessor::Step PostProcessor::read_template(const Json& json, const std::string& where) {
  const Json& tokens = json_field(json, "special_tokens", where);
  Step step(1);
  for (const Json& item : component_list(json, "single", where)) {
    if (item.is_object() && item.contains("Sequence")) {
      const std::string id = json_string(item["Sequence"], "id", where);
      check(id == "A", "{}: its template for one text holds the sequence \"{}\"", where, id);
      step.emplace_back();
    } else {
      const std::string name = json_string(json_field(item, "SpecialToken", where), "id", where);
      for (const Json& id : component_list(json_field(tokens, name.c_str(), where), "ids", where)) {
        step.back().push_back(read_id(id, where));
      }
    }
  }
  return step;
}

void PostProcessor::add_special_tokens(std::vector<int32_t>& ids) const {
  for (const Step& step : steps_) {
    std::vector<int32_t> out(step[0]);
    for (size_t i = 1; i < step.size(); ++i) {
      out.insert(out.end(), ids.begin(), ids.end());
      out.insert(out.end(), step[i].begin(), step[i].end());
    }
    ids.swap(out);
  }
}

}  // namespace lethe::text
