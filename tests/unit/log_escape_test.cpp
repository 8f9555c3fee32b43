// Bytes into JSON strings, against the byte-by-byte twin and against the JSON library.
#include "jobinit/logs/escape.hpp"
#include "log_support.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

std::string whole(std::string_view text) {
  std::string room(text.size() * kLongestEscape + 64, '\0');
  const Escaped done = escape_json(text, room);
  EXPECT_EQ(done.taken, text.size());
  return room.substr(0, done.made);
}

TEST(LogEscape, Known) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"plain", "plain"},
                                                        {"sixteen letters!", "sixteen letters!"},
                                                        {"say \"hi\"\\", R"(say \"hi\"\\)"},
                                                        {"\b\f\n\r\t", R"(\b\f\n\r\t)"},
                                                        {std::string("\0\x01\x1f\x7f", 4), "\\u0000\\u0001\\u001f\x7f"},
                                                        {"ü日😀", "ü日😀"},
                                                        {"a\xFF z", "a\xEF\xBF\xBD z"},
                                                        {"cut \xE6\x97", "cut \xEF\xBF\xBD\xEF\xBF\xBD"}}) {
    EXPECT_EQ(whole(text), expected);
  }
}

TEST(LogEscape, AgreesWithItsTwinAndTheLibrary) {
  test::Random random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 4000; ++run) {
    const std::size_t size = test::below(random, 100);
    const std::string text = run % 3 == 0 ? test::random_bytes(random, size) : test::random_log(random, size);
    std::string room(text.size() * kLongestEscape + 64, '\0');
    const Escaped twin = escape_json_bytewise(text, room);
    ASSERT_EQ(twin.taken, text.size());
    const std::string escaped = whole(text);
    ASSERT_EQ(escaped, room.substr(0, twin.made));
    ASSERT_EQ(nlohmann::json::parse('"' + escaped + '"').get<std::string>(), valid_utf8(text));
  }
}

TEST(LogEscape, TakesWhatFitsAndGoesOn) {
  test::Random random(2);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 2000; ++run) {
    const std::string text = test::random_log(random, test::below(random, 200));
    std::string made;
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t size = kLongestEscape + test::below(random, 60);
      std::vector<char> room(size);
      const Escaped done = escape_json(rest, room);
      ASSERT_GT(done.taken, 0U);
      ASSERT_LE(done.made, size);
      made.append(room.data(), done.made);
      rest.remove_prefix(done.taken);
    }
    ASSERT_EQ(made, whole(text));
  }
}

}  // namespace
}  // namespace jobinit::logs
