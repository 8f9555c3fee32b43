#include "encode.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

namespace jobinit::deliver {
namespace {

std::string in_base64(std::string_view bytes, std::string_view alphabet) {
  std::string encoded;
  encoded.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view three = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (j < three.size() ? static_cast<unsigned char>(three[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += j <= three.size() ? alphabet[bits >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return encoded;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

std::string base64(std::string_view bytes) {
  return in_base64(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

std::string base64_url(std::string_view bytes) {
  return in_base64(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

std::string json_escaped(std::string_view text) {
  const std::string quoted = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      c = ' ';
    }
  }
  return line;
}

std::string_view first_bytes(std::string_view text, std::size_t limit) {
  while (limit > 0 && limit < text.size() && continues_character(text[limit])) {
    --limit;
  }
  return text.substr(0, limit);
}

std::string_view last_bytes(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  text.remove_prefix(text.size() - limit);
  if (const std::size_t line = text.find('\n'); line < text.size() && line + 1 < text.size()) {
    text.remove_prefix(line + 1);
  }
  while (!text.empty() && continues_character(text.front())) {
    text.remove_prefix(1);
  }
  return text;
}

}  // namespace jobinit::deliver
