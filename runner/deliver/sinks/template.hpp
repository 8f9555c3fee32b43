// Texts with ${...} in them, filled from an event: "${outcome.summary}", "${attempts.0.cause}". Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "jobinit/base/environment.hpp"
#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// How what is put in is written.
enum class Escape {
  none,
  json,     // between quotes the inside of a JSON string, elsewhere a JSON value: "SIGTERM", 12.5, null, ["a","b"]
  percent,  // a part of a URL or of a form
  header,   // one line
};

// ${NAME} is a field of the report by its path, or of the event: ${event}, ${event.id}, ${event.time}, ${event.text};
// ${env:NAME} is a variable of jobinit's environment. "$${" stands for "${".
std::string filled(std::string_view text, Escape escape, const Event& event, Environment environment);

// Whether every ${...} in it can have a value, and what is to become JSON can; the error names the nearest field. What
// ${env:NAME} is set to is not looked at.
Result<void> check_template(std::string_view text, Escape escape);

}  // namespace jobinit::deliver
