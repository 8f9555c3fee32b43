#include "jobinit/job/url.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return hex_value(c) >= 0; }
bool is_unreserved(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_allowed(char c) {
  return is_unreserved(c) || std::string_view(":/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool is_escaped(std::string_view url) {
  for (std::size_t at = url.find('%'); at != std::string_view::npos; at = url.find('%', at + 1)) {
    if (at + 2 >= url.size() || !is_hex(url[at + 1]) || !is_hex(url[at + 2])) {
      return false;
    }
  }
  return true;
}

// "[user[:password]@]host[:port]"
std::string authority_fault(std::string_view authority) {
  std::string_view host = authority.substr(authority.rfind('@') + 1);  // npos + 1 is 0
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  const std::size_t colon = bracket == std::string_view::npos ? bracket : host.find(':', bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    const bool digits = port.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits || !parse_integer(port, 1, 65535)) {
      return "must have a port from 1 to 65535, or none";
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with('[')) {
    const std::string_view address = host.substr(1, host.size() - std::min<std::size_t>(2, host.size()));
    const bool good =
        host.ends_with(']') && address.find(':') != std::string_view::npos &&
        std::all_of(address.begin(), address.end(), [](char c) { return is_hex(c) || c == ':' || c == '.'; });
    return good ? "" : "must have an IPv6 address between the brackets";
  }
  const bool good =
      !host.empty() && std::all_of(host.begin(), host.end(), [](char c) { return is_unreserved(c) || c == '%'; });
  return good ? "" : "must have a host";
}

}  // namespace

std::string url_fault(std::string_view url, std::span<const std::string> schemes) {
  const std::size_t colon = url.find("://");
  const std::string scheme = lowered(url.substr(0, std::min(colon, url.size())));
  if (colon == std::string_view::npos || std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) {
    return fmt::format("must be a URL that begins with {}://", fmt::join(schemes, ":// or "));
  }
  if (!std::all_of(url.begin(), url.end(), is_allowed) || !is_escaped(url)) {
    return "must be a URL without blanks and other characters that a URL has only percent-encoded";
  }
  const std::string_view rest = url.substr(colon + 3);
  std::string fault = authority_fault(rest.substr(0, rest.find_first_of("/?#")));
  return fault.empty() ? "" : fmt::format("must be a URL: it {}", fault);
}

}  // namespace jobinit::job
