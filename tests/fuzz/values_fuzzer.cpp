// Single values: of each type, and texts with references. The first byte chooses the type.
#include "jobinit/base/date.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/job/integer_range.hpp"
#include "jobinit/job/interpolate.hpp"
#include "jobinit/job/parameter.hpp"
#include "properties.hpp"

namespace {

using namespace jobinit;

void try_type(job::Type type, std::string_view text) {
  job::Parameter parameter;
  parameter.type = type;
  parameter.values = {"a", "b"};
  parameter.time_zone = "-03:30";
  job::Surroundings around;
  around.now = std::chrono::sys_days(std::chrono::year(2024) / 2 / 29);
  around.root.prefix = "/nonexistent";
  const auto value = job::read_value(parameter, text, around);
  if (!value) {
    fuzz::require(valid_utf8(value.failure().message) == value.failure().message, "a refusal is text");
    return;
  }
  const auto again = job::read_value(parameter, value->text, around);
  fuzz::require(again && again->text == value->text, "a value that was read reads as itself");
  fuzz::require(!job::typed(parameter, *value).is_discarded(), "a value has its JSON");
}

void try_references(std::string_view text) {
  const job::Scope scope = [](std::string_view name) {
    job::Meaning meaning;
    meaning.state = name.size() > 2 ? job::Meaning::unknown : job::Meaning::known;
    meaning.text = "${x}";
    meaning.secret = name == "S";
    return meaning;
  };
  const auto done = job::interpolate(text, scope);
  if (text.find('$') == std::string_view::npos) {
    fuzz::require(done && done->text == text, "a text without references stays as it is");
  }
  if (done) {
    fuzz::require(done->text.size() <= text.size() * 4, "nothing is looked up twice");
  } else {
    fuzz::require(job::references_in(text).empty() || !done.failure().message.empty(), "a refusal says why");
  }
  const std::vector<std::string> words = fuzz::pieces_of(text);
  const auto arguments = job::interpolate_arguments(words, scope, job::Use::argument);
  fuzz::require(!arguments || arguments->size() == words.size(), "a value stays one argument");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text = fuzz::as_text(data + 1, size - 1);
  const std::size_t types = job::type_names().size();
  const std::size_t chosen = data[0] % (types + 1);
  if (chosen < types) {
    try_type(static_cast<job::Type>(chosen), text);
  } else {
    try_references(text);
  }
  const std::vector<std::string> secrets{"$x", "aaaa", "aaaab"};
  fuzz::require(mask_secrets(text, secrets).find("aaaa") == std::string::npos, "nothing is left of a secret");
  fuzz::require(printable(text).find('\n') == std::string::npos, "printable text is one line");
  return 0;
}
