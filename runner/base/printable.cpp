#include "jobinit/base/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "jobinit/base/text.hpp"

namespace jobinit {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string escaped(char c) {
  switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::size_t characters(std::string_view text) {
  const std::string valid = valid_utf8(text);
  return static_cast<std::size_t>(std::count_if(valid.begin(), valid.end(), [](char c) { return !continues(c); }));
}

std::string printable(std::string_view text, std::size_t most) {
  // A character has at most four bytes: what is behind them is not even looked at.
  const std::string valid = valid_utf8(text.substr(0, (most + 1) * 4));
  std::string shown;
  std::size_t count = 0;
  for (const char c : valid) {
    if (!continues(c) && ++count > most) {
      return shown + "...";
    }
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7f ? escaped(c) : std::string(1, c);
  }
  return shown;
}

std::string mask_secrets(std::string_view text, std::span<const std::string> secrets) {
  struct Next {
    std::string_view secret;
    std::size_t at;
  };
  std::vector<Next> all;
  for (const std::string& secret : secrets) {
    const std::size_t at = secret.size() < kShortestMasked ? std::string_view::npos : text.find(secret);
    if (at != std::string_view::npos) {
      all.push_back({secret, at});
    }
  }
  std::string masked;
  std::size_t from = 0;
  while (!all.empty()) {
    const auto first = std::min_element(all.begin(), all.end(), [](const Next& a, const Next& b) {
      return a.at != b.at ? a.at < b.at : a.secret.size() > b.secret.size();
    });
    masked += text.substr(from, first->at - from);
    masked += "***";
    from = first->at + first->secret.size();
    for (Next& next : all) {
      if (next.at < from) {
        next.at = text.find(next.secret, from);
      }
    }
    std::erase_if(all, [](const Next& next) { return next.at == std::string_view::npos; });
  }
  masked += text.substr(from);
  return masked;
}

}  // namespace jobinit
