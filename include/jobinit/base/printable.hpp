// Texts of others within our messages, and secrets out of them. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace jobinit {

// As one line for a terminal: valid UTF-8, control characters as \n, \t, \x1b, and no more than `most` characters, the
// rest as "...".
std::string printable(std::string_view text, std::size_t most = 80);

// How many characters (code points) a text has; bytes that are not UTF-8 count as one each.
std::size_t characters(std::string_view text);

// A secret that is shorter is not looked for within other texts: it would be found by chance everywhere.
inline constexpr std::size_t kShortestMasked = 4;  // bytes

// Every secret within the text as ***; of two that overlap, the one that starts first, and of those the longer one.
std::string mask_secrets(std::string_view text, std::span<const std::string> secrets);

}  // namespace jobinit
