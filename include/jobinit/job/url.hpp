// URLs as parameters hold them. Pure: nothing is looked up.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace jobinit::job {

// What is wrong with it, as what it must be; empty: it is a URL with a host (RFC 3986, 3), and one of these schemes.
std::string url_fault(std::string_view url, std::span<const std::string> schemes);

// RFC 3986, 2.1: all but unreserved characters percent-encoded, for what is put into a URL.
std::string percent_encoded(std::string_view text);

}  // namespace jobinit::job
