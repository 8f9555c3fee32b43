// Any bytes become valid JSON and text, whatever the reads were, and nothing of them is lost. The input's first line
// says how it is cut.
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"
#include "jobinit/logs/escape.hpp"
#include "jobinit/logs/format.hpp"
#include "jobinit/logs/json_line.hpp"
#include "log_drive.hpp"

namespace {

using namespace jobinit;
using fuzz::require;

void check_escape(std::string_view text) {
  std::string vector(text.size() * logs::kLongestEscape + 32, '\0');
  std::string bytewise = vector;
  const logs::Escaped fast = logs::escape_json(text, vector);
  const logs::Escaped slow = logs::escape_json_bytewise(text, bytewise);
  require(fast.taken == text.size() && slow.taken == text.size(), "all is taken");
  vector.resize(fast.made);
  bytewise.resize(slow.made);
  require(vector == bytewise, "vectors and bytes agree");
  require(nlohmann::json::parse('"' + vector + '"').get<std::string>() == valid_utf8(text), "it is the text");
}

// The library takes a NUL for the end, and refuses numbers that no double can hold.
bool library_says_object(std::string_view text, bool& known) {
  known = text.find('\0') == std::string_view::npos;
  try {
    return nlohmann::json::parse(text).is_object();
  } catch (const nlohmann::json::out_of_range&) {
    known = false;
  } catch (const nlohmann::json::parse_error&) {
  }
  return false;
}

std::size_t depth_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return c == '{' || c == '['; }));
}

void check_line(std::string_view line) {
  bool known = false;
  const bool object = library_says_object(line, known);
  static constexpr std::string_view names[] = {"time", "stream"};
  const auto ours = logs::parse_json_object(line, names);
  require(!known || depth_of(line) > logs::kDeepestJson || static_cast<bool>(ours) == object, "an object is one");
}

void check_formats(std::string_view input, std::string_view cuts) {
  logs::FormatOptions options;
  options.stream = "stdout";
  options.job = "job";
  options.fields = {LogField::msg};
  options.longest = 1 << 16;
  const std::string text = fuzz::drive(*logs::make_text_format(options), input, cuts);
  const bool unfinished = !input.empty() && !input.ends_with('\n');
  require(text == std::string(input) + (unfinished ? "\n" : ""), "text with nothing but the message is the input");

  options.longest = 64;
  options.fields = {LogField::time, LogField::stream, LogField::msg, LogField::job};
  const std::string json = fuzz::drive(*logs::make_json_format(options), input, cuts);
  require(json == fuzz::drive(*logs::make_json_format(options), input, ""), "reads make no difference");
  for (std::string_view rest = json; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    require(end != std::string_view::npos, "every record has an end");
    bool known = false;
    const bool object = library_says_object(rest.substr(0, end), known);
    require(!known || object, "every record is an object");
    rest.remove_prefix(end + 1);
  }
  // Groups: the same, and every line begins one or belongs to one.
  static const auto begins = logs::Pattern::compile(std::vector<std::string>{"^[A-Z0-9]"});
  options.begins = *begins;
  require(fuzz::drive(*logs::make_json_format(options), input, cuts) ==
              fuzz::drive(*logs::make_json_format(options), input, ""),
          "reads make no difference to groups");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all = fuzz::as_text(data, size);
  const std::size_t first = std::min(all.find('\n'), all.size());
  const std::string_view input = all.substr(std::min(first + 1, all.size()));
  check_escape(input);
  check_line(input);
  check_formats(input, all.substr(0, first));
  return 0;
}
