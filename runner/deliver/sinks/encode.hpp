// How sinks write texts into URLs, headers and messages that have a limit. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobinit::deliver {

// RFC 4648, section 4, padded.
std::string base64(std::string_view bytes);
// RFC 4648, section 5: the alphabet that is safe in URLs, padded.
std::string base64_url(std::string_view bytes);

// As the inside of a JSON string, without the quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_escaped(std::string_view text);

// Control characters, line ends among them, as blanks: for headers and line protocols.
std::string one_line(std::string_view text);

// The first `limit` bytes of valid UTF-8, without a part of a character at the end.
std::string_view first_bytes(std::string_view text, std::size_t limit);
// The newest `limit` bytes, from the start of a line where there is one, and never from inside a character.
std::string_view last_bytes(std::string_view text, std::size_t limit);

}  // namespace jobinit::deliver
