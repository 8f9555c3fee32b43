// URLs as parameters hold them. Pure: nothing is looked up.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace jobinit::job {

// What is wrong with it, as what it must be; empty: it is a URL with a host (RFC 3986, 3), and one of these schemes.
std::string url_fault(std::string_view url, std::span<const std::string> schemes);

}  // namespace jobinit::job
