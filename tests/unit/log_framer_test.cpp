// Records, against an oracle that sees the whole stream at once.
#include <gmock/gmock.h>

#include "jobinit/logs/framer.hpp"
#include "log_support.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

using testing::ElementsAre;

struct Seen {
  std::string text;
  Part part;
  bool operator==(const Seen& other) const {
    return text == other.text && part.id == other.part.id && part.number == other.part.number &&
           part.last == other.part.last;
  }
  friend void PrintTo(const Seen& seen, std::ostream* out) {
    *out << '"' << seen.text << "\" " << seen.part.id << '/' << seen.part.number << (seen.part.last ? " last" : "");
  }
};

std::shared_ptr<const Pattern> pattern(const std::string& expression) {
  auto compiled = Pattern::compile(std::vector{expression});
  EXPECT_TRUE(compiled) << compiled.failure().message;
  return *compiled;
}

std::vector<Seen> frame(Framer& framer, std::string_view input, test::Random& random) {
  std::vector<Seen> all;
  const std::size_t most = 1 + test::below(random, 2 * input.size() + 1);
  for (bool last = false; !last;) {
    const std::string given(input.substr(0, 1 + test::below(random, most)));
    input.remove_prefix(std::min(input.size(), given.size()));
    last = input.empty() && test::below(random, 2) == 0;
    for (std::string_view rest = given;;) {
      const Framer::Next next = framer.next(rest, test::instant(), last);
      rest.remove_prefix(next.taken);
      if (!next.record) {
        EXPECT_TRUE(rest.empty());
        break;
      }
      Record record = *next.record;
      if (test::below(random, 2) == 0) {
        framer.keep(record);
      }
      all.push_back({std::string(record.text), record.part});
    }
  }
  return all;
}

// The text of one record as it comes out: in parts of at most `longest` bytes that tear no character.
void add_record(std::string text, std::size_t longest, std::uint64_t& id, std::vector<Seen>& all) {
  if (text.size() <= longest) {
    all.push_back({text, {}});
    return;
  }
  ++id;
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    std::size_t size = std::min(longest, text.size());
    if (size < text.size()) {
      std::size_t start = size;
      while (start > 0 && size - start < 3 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) {
        --start;
      }
      const bool lead = (static_cast<unsigned char>(text[start]) & 0xC0U) == 0xC0U;
      size = lead ? start : size;
    }
    all.push_back({text.substr(0, size), {id, number, size == text.size()}});
    text.erase(0, size);
  }
}

std::vector<Seen> oracle(std::string_view input, std::size_t longest, bool groups) {
  std::vector<std::string> records;
  bool first = true;
  while (!input.empty()) {
    const std::size_t length = std::min(input.find('\n'), input.size());
    const std::string line(input.substr(0, length));
    input.remove_prefix(std::min(length + 1, input.size()));
    if (groups && !first && !line.starts_with("R")) {
      records.back() += '\n' + line;
    } else {
      records.push_back(line);
    }
    first = false;
  }
  std::vector<Seen> all;
  std::uint64_t id = 0;
  for (const std::string& record : records) {
    add_record(record, longest, id, all);
  }
  return all;
}

TEST(LogFramer, Lines) {
  test::Random random(4);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  Framer framer(8, nullptr);
  EXPECT_THAT(frame(framer, "one\n\n12345678\n123456789\nlast", random),
              ElementsAre(Seen{"one", {}}, Seen{"", {}}, Seen{"12345678", {}}, Seen{"12345678", {1, 1, false}},
                          Seen{"9", {1, 2, true}}, Seen{"last", {}}));
}

TEST(LogFramer, ACharacterIsNotTorn) {
  test::Random random(5);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  Framer framer(8, nullptr);
  EXPECT_THAT(frame(framer, "123456😀x\n1234567\x80\x80\n", random),
              ElementsAre(Seen{"123456", {1, 1, false}}, Seen{"😀x", {1, 2, true}}, Seen{"1234567\x80", {2, 1, false}},
                          Seen{"\x80", {2, 2, true}}));
}

TEST(LogFramer, AgreesWithSeeingEverything) {
  const auto begins = pattern("^R");
  test::Random random(6);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 6000; ++run) {
    const std::size_t longest = 4 + test::below(random, run % 4 == 0 ? 200 : 16);
    const bool groups = run % 2 == 0;
    const std::string input =
        test::random_text(random, test::below(random, 120), run % 3 == 0 ? "Ra\n" : "Rabcdefg\n\xC3\xA4\xF0\x9F\x98");
    Framer framer(longest, groups ? begins : nullptr);
    ASSERT_EQ(frame(framer, input, random), oracle(input, longest, groups))
        << "run " << run << ", at most " << longest << (groups ? ", groups: " : ": ") << testing::PrintToString(input);
  }
}

TEST(LogFramer, AGroupWaitsForOneMoreLineButNotForLong) {
  using namespace std::chrono_literals;
  Framer framer(100, pattern("^[^ ]"));
  Instant now = test::instant();
  const std::string input = "Traceback\n  File 1\n  Fil";
  const Framer::Next first = framer.next(input, now, false);
  EXPECT_EQ(first.taken, input.size());
  EXPECT_FALSE(first.record);
  ASSERT_EQ(first.hold_until, now.monotonic + 1s);
  now.monotonic += 999ms;
  EXPECT_FALSE(framer.next({}, now, false).record);
  now.monotonic += 1ms;
  now.wall += 1s;
  const Framer::Next waited = framer.next({}, now, false);
  ASSERT_TRUE(waited.record);
  EXPECT_EQ(waited.record->text, "Traceback\n  File 1");
  EXPECT_EQ(waited.record->at, test::instant().wall) << "a group's time is that of its first line";
  EXPECT_EQ(framer.next({}, now, false).hold_until, std::nullopt) << "an unfinished line waits for its end";
  const Framer::Next end = framer.next(std::string_view("e 2\n"), now, true);
  ASSERT_TRUE(end.record);
  EXPECT_EQ(end.record->text, "  File 2");
}

TEST(LogFramer, APatternSeesTheWholeLine) {
  test::Random random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  Framer framer(10, pattern("END$"));
  EXPECT_THAT(frame(framer, "12345678\nabcEND\nabcd\n", random),
              ElementsAre(Seen{"12345678", {}}, Seen{"abcEND\nabc", {1, 1, false}}, Seen{"d", {1, 2, true}}));
}

}  // namespace
}  // namespace jobinit::logs
