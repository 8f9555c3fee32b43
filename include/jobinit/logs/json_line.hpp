// Whether a line of a log is a JSON object, so that it can be passed on as one. Linear time, no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace jobinit::logs {

struct JsonObject {
  std::string_view members;  // what is between the braces, without the blanks at its ends; empty: {}
  std::uint32_t names = 0;   // bit i: a member of the object itself is called names[i]
};

// Nesting beyond this is no object of ours: many readers stop somewhere there.
constexpr unsigned kDeepestJson = 64;

// One JSON object (RFC 8259) and nothing but blanks around it; also strict where the RFC leaves readers to guess: valid
// UTF-8 and whole surrogate pairs only, at most kDeepestJson levels. `names`: at most 32, of at most 32 letters each.
// Names written with escapes are known too. Everything else, however near to it, is nullopt.
std::optional<JsonObject> parse_json_object(std::string_view text, std::span<const std::string_view> names);

}  // namespace jobinit::logs
