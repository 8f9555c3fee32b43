#include "jobinit/logs/json_line.hpp"

#include <array>

#include "block.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::logs {
namespace {

// What ends the plain part of a string.
BlockMask special(Block block) {
  return reinterpret_cast<BlockMask>((block == '"') | (block == '\\') | (reinterpret_cast<BlockMask>(block) < 0x20));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  Reader(std::string_view text, std::span<const std::string_view> names)
      : at_(text.data()), end_(text.data() + text.size()), names_(names) {}

  std::optional<JsonObject> read() {
    skip_blanks();
    const char* const begin = at_ + 1;
    if (!take('{') || !object()) {
      return std::nullopt;
    }
    const char* members_end = at_ - 1;
    skip_blanks();
    if (at_ != end_) {
      return std::nullopt;
    }
    const char* members = begin;
    while (members != members_end && is_blank(*members)) {
      ++members;
    }
    while (members != members_end && is_blank(members_end[-1])) {
      --members_end;
    }
    return JsonObject{{members, static_cast<std::size_t>(members_end - members)}, found_};
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  void skip_blanks() {
    while (at_ != end_ && is_blank(*at_)) {
      ++at_;
    }
  }

  bool take(char wanted) {
    if (at_ == end_ || *at_ != wanted) {
      return false;
    }
    ++at_;
    return true;
  }

  // Everything after the first brace, up to and with the last one. No recursion: which brackets are open is one bit a
  // level, so that a hostile line can neither overflow a stack nor make us allocate.
  bool object() {
    static_assert(kDeepestJson <= 64);
    std::uint64_t objects = 1;  // bit 0: the innermost open bracket is a brace
    unsigned depth = 1;
    bool after_value = false;  // only behind one may a bracket close or a comma stand
    bool opened = true;        // or behind the opening bracket
    while (depth > 0) {
      skip_blanks();
      const bool in_object = (objects & 1U) != 0;
      if ((after_value || opened) && take(in_object ? '}' : ']')) {
        objects >>= 1U;
        --depth;
        after_value = true;
        opened = false;
        continue;
      }
      if (after_value) {
        if (!take(',')) {
          return false;
        }
        skip_blanks();
      }
      opened = false;
      if (in_object && !member_name(depth == 1)) {
        return false;
      }
      if (at_ == end_) {
        return false;
      }
      if (*at_ == '{' || *at_ == '[') {
        if (depth == kDeepestJson) {
          return false;
        }
        objects = objects << 1U | (*at_ == '{' ? 1U : 0U);
        ++depth;
        ++at_;
        after_value = false;
        opened = true;
        continue;
      }
      if (!scalar()) {
        return false;
      }
      after_value = true;
    }
    return true;
  }

  bool member_name(bool of_the_line) {
    const char* const begin = at_ + 1;
    if (!string()) {
      return false;
    }
    if (of_the_line) {
      note_name({begin, static_cast<std::size_t>(at_ - 1 - begin)});
    }
    skip_blanks();
    if (!take(':')) {
      return false;
    }
    skip_blanks();
    return true;
  }

  bool scalar() {
    switch (*at_) {
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }

  bool word(std::string_view wanted) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(wanted)) {
      return false;
    }
    at_ += wanted.size();
    return true;
  }

  bool digits() {
    const char* const begin = at_;
    while (at_ != end_ && is_digit(*at_)) {
      ++at_;
    }
    return at_ != begin;
  }

  bool number() {
    (void)take('-');
    if (!take('0') && !digits()) {
      return false;
    }
    if (take('.') && !digits()) {
      return false;
    }
    if (take('e') || take('E')) {
      (void)(take('+') || take('-'));
      return digits();
    }
    return true;
  }

  bool string() {
    if (!take('"')) {
      return false;
    }
    while (at_ != end_) {
      const auto left = static_cast<std::size_t>(end_ - at_);
      const std::uint64_t found = bits_of(special(left >= kBlock ? load_block(at_) : load_partial_block(at_, left)));
      if (found == 0) {
        at_ += kBlock;
        continue;
      }
      at_ += first_in(found);
      if (at_ == end_) {
        return false;
      }
      if (*at_ == '"') {
        ++at_;
        return true;
      }
      if (*at_ == '\\') {
        ++at_;
        if (!escape()) {
          return false;
        }
        continue;
      }
      const std::size_t length = utf8_length({at_, static_cast<std::size_t>(end_ - at_)});
      if (length < 2) {  // a control character, or no UTF-8
        return false;
      }
      at_ += length;
    }
    return false;
  }

  bool escape() {
    if (at_ == end_) {
      return false;
    }
    const char kind = *at_++;
    if (kind != 'u') {
      return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    }
    const int unit = code_unit();
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
      return false;
    }
    if (unit < 0xD800 || unit > 0xDBFF) {
      return true;
    }
    if (!take('\\') || !take('u')) {
      return false;
    }
    const int low = code_unit();
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  int code_unit() {
    if (end_ - at_ < 4) {
      return -1;
    }
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_value(*at_++);
      if (digit < 0) {
        return -1;
      }
      unit = unit * 16 + digit;
    }
    return unit;
  }

  // `raw` is valid, between its quotes.
  void note_name(std::string_view raw) {
    std::array<char, 32> decoded{};
    if (raw.find('\\') != std::string_view::npos) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i];
        if (c == '\\') {
          c = raw[++i];
          if (c == 'u') {
            int unit = 0;
            for (int digit = 0; digit < 4; ++digit) {
              unit = unit * 16 + hex_value(raw[++i]);
            }
            if (unit >= 0x80) {
              return;  // no name of ours has such a letter
            }
            c = static_cast<char>(unit);
          } else if (c != '"' && c != '\\' && c != '/') {
            return;
          }
        }
        if (size == decoded.size()) {
          return;
        }
        decoded.at(size++) = c;
      }
      raw = {decoded.data(), size};
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      found_ |= names_[i] == raw ? 1U << i : 0U;
    }
  }

  const char* at_;
  const char* end_;
  std::span<const std::string_view> names_;
  std::uint32_t found_ = 0;
};

}  // namespace

std::optional<JsonObject> parse_json_object(std::string_view text, std::span<const std::string_view> names) {
  // Most lines that are no object show it at their ends.
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{' || text[text.find_last_not_of(" \t\r\n")] != '}') {
    return std::nullopt;
  }
  return Reader(text, names).read();
}

}  // namespace jobinit::logs
