#include "secret_forms.hpp"

#include <algorithm>
#include <cstdint>

#include "jobinit/base/text.hpp"

namespace jobinit::logs {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
// Of a secret in several lines. Shorter ones, such as brackets, are in every other text too.
constexpr std::size_t kShortestLine = 8;

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
// base64(1) and MIME break lines at 76 (RFC 2045, 6.8), PEM at 64 (RFC 7468, 2).
constexpr std::size_t kBase64Lines[] = {64, 76};

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// The letters that the secret alone decides on, when `before` other bytes (0 to 2) stand before it in a group of three.
std::string base64(std::string_view secret, std::size_t before, std::string_view alphabet) {
  const std::size_t bits = 8 * (before + secret.size());
  std::string text;
  for (std::size_t bit = (8 * before + 5) / 6 * 6; bit + 6 <= bits; bit += 6) {
    // A letter's six bits lie in one or two bytes.
    const auto byte = [&](std::size_t i) {
      return i < before + secret.size() ? static_cast<unsigned char>(secret[i - before]) : 0U;
    };
    const unsigned two = byte(bit / 8) << 8U | byte(bit / 8 + 1);
    text += alphabet[two >> (10 - bit % 8) & 0x3FU];
  }
  return text;
}

// As RFC 3986 has it, but for what different libraries leave as it is.
std::string percent_encoded(std::string_view secret, std::string_view left, bool plus_for_blank, std::string_view hex) {
  std::string text;
  for (const char c : secret) {
    if (alphanumeric(c) || left.find(c) != std::string_view::npos) {
      text += c;
    } else if (c == ' ' && plus_for_blank) {
      text += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += '%';
      text += hex[byte >> 4U];
      text += hex[byte & 0xFU];
    }
  }
  return text;
}

struct JsonStyle {
  bool ascii = false;     // letters beyond ASCII as \uXXXX: Python, PHP
  bool slashes = false;   // \/: PHP
  bool for_html = false;  // < > & as \u003c: Go
};

std::string json_escaped(std::string_view secret, const JsonStyle& style) {
  std::string text;
  const auto unit = [&](std::uint32_t value) { text += fmt::format("\\u{:04x}", value); };
  while (!secret.empty()) {
    const char c = secret.front();
    const std::size_t length = std::max<std::size_t>(utf8_length(secret), 1);
    static constexpr std::string_view letters = "\"\\\b\f\n\r\t";
    const std::size_t known = letters.find(c);
    if (known != std::string_view::npos) {
      text += '\\';
      text += "\"\\bfnrt"[known];
    } else if (static_cast<unsigned char>(c) < 0x20 ||
               (style.for_html && std::string_view("<>&").find(c) != std::string_view::npos)) {
      unit(static_cast<unsigned char>(c));
    } else if (style.slashes && c == '/') {
      text += "\\/";
    } else if (style.ascii && length > 1) {
      std::uint32_t point = static_cast<unsigned char>(c) & (0x7FU >> length);
      for (std::size_t i = 1; i < length; ++i) {
        point = point << 6U | (static_cast<unsigned char>(secret[i]) & 0x3FU);
      }
      if (point >= 0x10000) {
        unit(0xD800 + ((point - 0x10000) >> 10U));
        unit(0xDC00 + ((point - 0x10000) & 0x3FFU));
      } else {
        unit(point);
      }
    } else {
      text += secret.substr(0, length);
    }
    secret.remove_prefix(length);
  }
  return text;
}

class Collector {
 public:
  Collector(std::size_t shortest, std::size_t longest, std::vector<std::string>& forms)
      : shortest_(shortest), longest_(longest), forms_(forms) {}

  void add(std::string_view form) const { add_pieces(form, longest_); }

  // Pieces of `size` bytes; the last of them is as long, and begins earlier.
  void add_pieces(std::string_view form, std::size_t size) const {
    if (form.size() < shortest_) {
      return;
    }
    for (std::size_t at = 0; at + size < form.size(); at += size) {
      forms_.emplace_back(form.substr(at, size));
    }
    forms_.emplace_back(form.substr(form.size() - std::min(size, form.size())));
  }

  // Broken into lines; what the last one holds may be too short to be told from other texts.
  void add_broken(std::string_view form, std::size_t width) const {
    for (std::size_t at = 0; form.size() > width && at < form.size(); at += width) {
      if (const std::string_view line = form.substr(at, width); line.size() >= kShortestLine) {
        forms_.emplace_back(line);
      }
    }
  }

 private:
  std::size_t shortest_;
  std::size_t longest_;
  std::vector<std::string>& forms_;
};

}  // namespace

std::string_view bare_secret(std::string_view secret) {
  const std::size_t begin = secret.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view()
                                         : secret.substr(begin, secret.find_last_not_of(kBlanks) + 1 - begin);
}

void add_secret_forms(std::string_view secret, std::size_t shortest, std::size_t longest,
                      std::vector<std::string>& forms) {
  const Collector collect(shortest, longest, forms);
  collect.add(secret);
  if (secret.find('\n') != std::string_view::npos) {
    for (const std::string& line : split(secret, "\r\n")) {
      if (const std::string_view bare = bare_secret(line); bare.size() >= kShortestLine) {
        collect.add(bare);
      }
    }
  }
  for (const JsonStyle& style : {JsonStyle{}, JsonStyle{.ascii = true}, JsonStyle{.slashes = true},
                                 JsonStyle{.ascii = true, .slashes = true}, JsonStyle{.for_html = true}}) {
    collect.add(json_escaped(secret, style));
  }
  // RFC 3986; Python's quote(); JavaScript's encodeURIComponent(); forms (WHATWG URL, 5.2).
  for (const std::string_view hex : {"0123456789ABCDEF", "0123456789abcdef"}) {
    collect.add(percent_encoded(secret, "-._~", false, hex));
    collect.add(percent_encoded(secret, "-._~/", false, hex));
    collect.add(percent_encoded(secret, "-._~!*'()", false, hex));
    collect.add(percent_encoded(secret, "-._*", true, hex));
  }
  for (const std::string_view alphabet : {kBase64, kBase64Url}) {
    for (std::size_t before = 0; before < 3; ++before) {
      collect.add(base64(secret, before, alphabet));
    }
    for (const std::size_t width : kBase64Lines) {
      collect.add_broken(base64(secret, 0, alphabet), width);
    }
  }
}

}  // namespace jobinit::logs
