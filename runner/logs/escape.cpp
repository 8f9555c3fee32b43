#include "jobinit/logs/escape.hpp"

#include "block.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::logs {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kHex = "0123456789abcdef";

// What cannot stand for itself, or of which it is not certain yet: quotes, backslashes, control characters, and bytes
// from 0x80 on, which as signed numbers are below the control characters.
BlockMask special(Block block) {
  return reinterpret_cast<BlockMask>((block == '"') | (block == '\\') | (reinterpret_cast<BlockMask>(block) < 0x20));
}

char short_escape(char c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return '\0';
  }
}

// The first character of `text`, which is not empty; there is room for kLongestEscape bytes.
Escaped escape_one(std::string_view text, char* to) {
  const char first = text.front();
  if (const char letter = short_escape(first); letter != '\0') {
    to[0] = '\\';
    to[1] = letter;
    return {1, 2};
  }
  const auto byte = static_cast<unsigned char>(first);
  if (byte < 0x20) {
    std::memcpy(to, "\\u00", 4);
    to[4] = kHex[byte >> 4U];
    to[5] = kHex[byte & 0xFU];
    return {1, 6};
  }
  if (byte < 0x80) {
    *to = first;
    return {1, 1};
  }
  const std::size_t length = utf8_length(text);
  if (length == 0) {
    std::memcpy(to, kReplacement.data(), kReplacement.size());
    return {1, kReplacement.size()};
  }
  std::memcpy(to, text.data(), length);
  return {length, length};
}

}  // namespace

Escaped escape_json_bytewise(std::string_view text, std::span<char> room) {
  Escaped done;
  while (done.taken < text.size() && room.size() - done.made >= kLongestEscape) {
    const Escaped one = escape_one(text.substr(done.taken), room.data() + done.made);
    done.taken += one.taken;
    done.made += one.made;
  }
  return done;
}

Escaped escape_json(std::string_view text, std::span<char> room) {
  const char* from = text.data();
  const char* const end = from + text.size();
  char* to = room.data();
  // Up to here there is room for a block and an escape.
  const char* const to_last =
      room.size() < kBlock + kLongestEscape ? to : room.data() + room.size() - kBlock - kLongestEscape + 1;
  while (from != end && to < to_last) {
    std::uint64_t found = 0;
    if (static_cast<std::size_t>(end - from) >= kBlock) {
      const Block block = load_block(from);
      store_block(block, to);
      found = bits_of(special(block));
      if (found == 0) {  // no waiting for where the next block is: the way the branch goes is foreseen
        from += kBlock;
        to += kBlock;
        continue;
      }
    } else {
      // The zeros behind the end of the text are special, and so mark it.
      const Block block = load_partial_block(from, static_cast<std::size_t>(end - from));
      store_block(block, to);
      found = bits_of(special(block));
    }
    const std::size_t plain = first_in(found);
    from += plain;
    to += plain;
    if (from != end) {
      const Escaped one = escape_one({from, static_cast<std::size_t>(end - from)}, to);
      from += one.taken;
      to += one.made;
    }
  }
  const Escaped rest = escape_json_bytewise({from, static_cast<std::size_t>(end - from)},
                                            room.subspan(static_cast<std::size_t>(to - room.data())));
  return {static_cast<std::size_t>(from - text.data()) + rest.taken,
          static_cast<std::size_t>(to - room.data()) + rest.made};
}

}  // namespace jobinit::logs
