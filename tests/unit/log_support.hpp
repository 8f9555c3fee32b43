// Drives what filters and formats a stream as the pump does, but with any sizes of input and room, and holds it to what
// the pump relies on.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "jobinit/logs/encoder.hpp"

namespace jobinit::test {

using Random = std::mt19937;

inline std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

inline logs::Instant instant() {
  using namespace std::chrono_literals;
  return {std::chrono::system_clock::time_point(1764192600s + 123456us), std::chrono::steady_clock::time_point(100s)};
}

// All that comes out for `input`, cut at random. The room is guarded: what is written behind it is found.
inline std::string drive(logs::Transform& transform, std::string_view input, Random& random,
                         const logs::Instant& now = instant()) {
  constexpr std::size_t least = logs::Transform::kLeastRoom;
  std::string all;
  std::string room;
  const auto step = [&](std::string_view piece, bool last) {
    const std::size_t size = below(random, 3) == 0 ? least : least + below(random, 3 * least);
    room.assign(size + 8, '\x5A');
    // In memory of its own: what reads behind it is found by the sanitizer.
    const std::vector<char> given(piece.begin(), piece.end());
    const logs::Transform::Step done = transform.step(given, std::span(room).first(size), now, last);
    EXPECT_LE(done.taken, piece.size());
    EXPECT_LE(done.made, size);
    EXPECT_EQ(room.substr(size), "\x5A\x5A\x5A\x5A\x5A\x5A\x5A\x5A");
    all.append(room, 0, done.made);
    // The pump comes again without new input only where it is told to.
    if (!last && done.taken == piece.size() && (!done.hold_until || *done.hold_until > now.monotonic)) {
      EXPECT_EQ(transform.step({}, std::span(room).first(size), now, false).made, 0U);
    }
    return done;
  };
  const std::size_t most = 1 + below(random, below(random, 2) == 0 ? 20 : 20000);
  bool asks = false;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, 1 + below(random, most));
    input.remove_prefix(piece.size());
    while (!piece.empty() || asks) {
      const auto done = step(piece, false);
      const bool moved = done.taken + done.made > 0;
      EXPECT_TRUE(moved || piece.empty()) << "a step gets somewhere";
      if (!moved && !piece.empty()) {
        return all;
      }
      piece.remove_prefix(done.taken);
      asks = piece.empty() && moved && done.hold_until && *done.hold_until <= now.monotonic;
    }
  }
  while (step({}, true).made > 0) {
  }
  return all;
}

// Bytes of which `alphabet` are the letters.
inline std::string random_text(Random& random, std::size_t size, std::string_view alphabet) {
  std::string text(size, '\0');
  for (char& c : text) {
    c = alphabet[below(random, alphabet.size())];
  }
  return text;
}

inline std::string random_bytes(Random& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) {
    c = static_cast<char>(random());
  }
  return text;
}

// As logs are: lines of all lengths, mostly letters, with everything else that may be in them.
inline std::string random_log(Random& random, std::size_t size) {
  static const std::string_view bits[] = {"the import of rows ",
                                          "\"",
                                          "\\",
                                          "\t",
                                          "\r\n",
                                          "\n",
                                          "\n",
                                          "\n\n",
                                          "ü",
                                          "日本語",
                                          "😀",
                                          "\xE2\x82",
                                          "\xFF",
                                          "\xC0\x80",
                                          "\xED\xA0\x80",
                                          "\x01",
                                          "{\"level\":\"info\",\"msg\":\"done\",\"n\":[1,2.5e3,null]}\n",
                                          "{}\n",
                                          "{\"a\":"};
  std::string text;
  while (text.size() < size) {
    const std::size_t kind = below(random, 20);
    if (kind < std::size(bits)) {
      text += bits[kind];
    }
    if (below(random, 3) > 0) {
      text += random_text(random, below(random, 60), "abcdefghijklmnopqrstuvwxyz 0123456789:=-./");
    }
    if (below(random, 40) == 0) {
      text += random_bytes(random, below(random, 40));
    }
    if (below(random, 200) == 0) {
      text += random_text(random, below(random, 9000), "lng ");
    }
  }
  return text;
}

}  // namespace jobinit::test
