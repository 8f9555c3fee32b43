// Any bytes as the inside of a JSON string (RFC 8259, section 7), at the speed of memory.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace jobinit::logs {

struct Escaped {
  std::size_t taken = 0;  // of the text
  std::size_t made = 0;   // of the room
};

// As much of `text` as fits, whole characters only. A byte that belongs to no well-formed UTF-8 sequence becomes
// U+FFFD: what is made is always valid, and valid text comes out as it was. `text` is all there is: a sequence that its
// end cuts off is not well-formed. With room for kLongestEscape bytes at least one character is taken.
constexpr std::size_t kLongestEscape = 6;  // \u001f
Escaped escape_json(std::string_view text, std::span<char> room);

// The same, a byte at a time: what escape_json() does where blocks do not fit, and what it is tested against.
Escaped escape_json_bytewise(std::string_view text, std::span<char> room);

}  // namespace jobinit::logs
