// What a secret looks like where programs write it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jobinit::logs {

// Without blanks and line ends around it: files that hold a secret often end with a newline.
std::string_view bare_secret(std::string_view secret);

// Appends all forms of `secret`, those longer than `longest` bytes in pieces, and none shorter than `shortest`.
void add_secret_forms(std::string_view secret, std::size_t shortest, std::size_t longest,
                      std::vector<std::string>& forms);

}  // namespace jobinit::logs
