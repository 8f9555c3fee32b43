// Percent-encoding (RFC 3986, 2.1). Pure.
#pragma once

#include <string>
#include <string_view>

namespace jobinit {

// What a hexadecimal digit stands for; -1: it is none.
int hex_value(char c);

// Everything but unreserved characters as %XX, for what is put into a URL.
std::string percent_encoded(std::string_view text);
// %XX as the byte that it stands for; what is no such escape stays as it is.
std::string percent_decoded(std::string_view text);

}  // namespace jobinit
