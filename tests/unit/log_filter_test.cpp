// Control sequences, secrets and patterns taken out of a stream, against oracles that see the whole stream at once.
#include <gmock/gmock.h>

#include "jobinit/logs/ansi.hpp"
#include "jobinit/logs/chain.hpp"
#include "jobinit/logs/pattern_masker.hpp"
#include "jobinit/logs/secrets.hpp"
#include "log_support.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

// ---- control sequences ----------------------------------------------------------------------------------------------

std::string stripped(std::string_view input, test::Random& random) {
  AnsiStripper stripper;
  return test::drive(stripper, input, random);
}

TEST(LogAnsi, Known) {
  test::Random random(11);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (const auto& [input, expected] : std::vector<std::pair<std::string, std::string>>{
           {"plain\n", "plain\n"},
           {"\x1B[1;31mred\x1B[0m", "red"},
           {"\x1B[38:2::255:0:0mx\x1B[?25hy\x1B[2 qz", "xyz"},
           {"\x1B]0;title\x07x\x1B]8;;http://a\x1B\\link\x1B]8;;\x1B\\", "xlink"},
           {"\x1BPq data\x1B\\x\x1B_app\x07y", "xy"},
           {"\x1B(Bx\x1B"
            "7y\x1B=z\x1B#8!",
            "xyz!"},
           {"\x1B\x1B[31mx", "x"},
           {"\x1B[31\x18x\x1B]t\x1Ay", "xy"},
           {"\x1B]never ended\nnext", "\nnext"},
           {"\x1B[12\nnext\x1B", "\nnext"},
           {"ü\xC2\x9B"
            "31m",
            "ü\xC2\x9B"
            "31m"}}) {
    for (int run = 0; run < 20; ++run) {
      ASSERT_EQ(stripped(input, random), expected);
    }
  }
}

TEST(LogAnsi, WhateverIsWovenInComesOut) {
  test::Random random(12);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  const std::vector<std::string> sequences{"\x1B[0m", "\x1B[1;31m", "\x1B]0;a title\x07", "\x1B]8;;x\x1B\\",
                                           "\x1B"
                                           "7"};
  for (int run = 0; run < 300; ++run) {
    std::string input;
    std::string expected;
    for (std::size_t piece = test::below(random, 50); piece > 0; --piece) {
      std::string text = test::random_log(random, test::below(random, 100));
      std::erase(text, '\x1B');
      input += text + sequences[test::below(random, sequences.size())];
      expected += text;
    }
    ASSERT_EQ(stripped(input, random), expected);
  }
}

// ---- secrets --------------------------------------------------------------------------------------------------------

std::string masked(const std::shared_ptr<const Secrets>& secrets, std::string_view input, test::Random& random) {
  SecretMasker masker(secrets);
  return test::drive(masker, input, random);
}

std::shared_ptr<const Secrets> secrets_of(const std::vector<std::string>& secrets) { return Secrets::make(secrets); }

// Every byte of every occurrence, and at the end of a beginning of one.
std::string oracle(const Secrets& secrets, std::string_view text, bool stream) {
  std::vector<bool> covered(text.size() + 1, false);
  for (const std::string& piece : secrets.pieces()) {
    for (std::size_t at = text.find(piece); at != std::string_view::npos; at = text.find(piece, at + 1)) {
      std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(at), piece.size(), true);
    }
    for (std::size_t size = kShortestSecret; stream && size < piece.size(); ++size) {
      if (text.ends_with(piece.substr(0, size))) {
        std::fill_n(covered.end() - 1 - static_cast<std::ptrdiff_t>(size), size, true);
      }
    }
  }
  std::string masked;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!covered[i]) {
      masked += text[i];
    } else if (i == 0 || !covered[i - 1]) {
      masked += kMask;
    }
  }
  return masked;
}

TEST(LogSecrets, AreFoundInEveryForm) {
  // By python3: json.dumps, quote, quote_plus, base64, urlsafe_b64encode.
  const auto secrets = secrets_of({"p\"ss/wörd & <x>?~ü>>"});
  test::Random random(13);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (const std::string form :
       {R"(p"ss/wörd & <x>?~ü>>)", R"(p\"ss/wörd & <x>?~ü>>)", R"(p\"ss/w\u00f6rd & <x>?~\u00fc>>)",
        R"(p\"ss\/w\u00f6rd & <x>?~\u00fc>>)", R"(p\"ss/wörd \u0026 \u003cx\u003e?~ü\u003e\u003e)",
        "p%22ss/w%C3%B6rd%20%26%20%3Cx%3E%3F~%C3%BC%3E%3E", "p%22ss%2Fw%C3%B6rd%20%26%20%3Cx%3E%3F~%C3%BC%3E%3E",
        "p%22ss%2fw%c3%b6rd%20%26%20%3cx%3e%3f~%c3%bc%3e%3e", "p%22ss%2Fw%C3%B6rd+%26+%3Cx%3E%3F%7E%C3%BC%3E%3E"}) {
    EXPECT_EQ(masked(secrets, "<" + form + "|", random), "<***|") << form;
  }
  // The secret within something longer: user:SECRET, u:SECRET, xxSECRET.
  const auto hidden = [&](const std::string& text) {
    return masked(secrets, text, random).find("***") != std::string::npos;
  };
  EXPECT_TRUE(hidden("Basic dXNlcjpwInNzL3fDtnJkICYgPHg+P37DvD4+"));
  EXPECT_TRUE(hidden("Basic dTpwInNzL3fDtnJkICYgPHg+P37DvD4+"));
  EXPECT_TRUE(hidden("eHhwInNzL3fDtnJkICYgPHg+P37DvD4+"));
  EXPECT_TRUE(hidden("eHhwInNzL3fDtnJkICYgPHg-P37DvD4-"));
  EXPECT_FALSE(hidden("Basic dXNlcjpub3RpdA=="));
}

TEST(LogSecrets, Base64AtEveryPlaceIsFoundAndLittleOfItStays) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto encode = [&](const std::string& bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      unsigned group = 0;
      for (std::size_t j = 0; j < 3; ++j) {
        group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
      }
      for (unsigned j = 0; j < 4; ++j) {
        text += i + j > bytes.size() ? '=' : alphabet[group >> (18 - 6 * j) & 0x3FU];
      }
    }
    return text;
  };
  ASSERT_EQ(encode("Man, Ma"), "TWFuLCBNYQ==");
  test::Random random(14);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 300; ++run) {
    const std::string secret = "s" + test::random_bytes(random, 6 + test::below(random, 40)) + "t";
    const std::string before = test::random_bytes(random, test::below(random, 20));
    const std::string after = test::random_bytes(random, test::below(random, 20));
    const std::string text = encode(before + secret + after);
    const std::string hidden = masked(secrets_of({secret}), text, random);
    // One letter on either side holds a few bits of it.
    ASSERT_LE(hidden.size(), text.size() - (secret.size() * 8 / 6 - 1) + kMask.size()) << text << " " << hidden;
  }
}

TEST(LogSecrets, LinesOfALongOneAreFoundAlone) {
  test::Random random(15);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  const std::string body = test::random_text(random, 64, "abcdefghijklmnop");
  const auto key = secrets_of({"-----BEGIN KEY-----\n" + body + "\n" + body + "x\n-----END KEY-----\n"});
  EXPECT_EQ(masked(key, "  " + body + "\r\n", random), "  ***\r\n");
  // Longer than any piece: no part of it stays.
  const std::string secret = test::random_bytes(random, 5000);
  const auto large = secrets_of({secret});
  EXPECT_LE(large->longest(), kLongestPiece);
  EXPECT_EQ(masked(large, "a" + secret + "b", random), "a***b");
  EXPECT_EQ(large->mask(secret), "***");
  // As base64(1) breaks it.
  const auto wrapped = secrets_of({std::string(60, 'k') + "0123"});
  const std::string encoded =
      "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr\na2trMDEyMw==\n";
  EXPECT_EQ(masked(wrapped, encoded, random).find("a2tra2tr"), std::string::npos);
}

TEST(LogSecrets, ShortOnesAreNotSought) {
  EXPECT_EQ(secrets_of({"abc", "", "  \n", " ab \n"}), nullptr);
  EXPECT_FALSE(Secrets::long_enough(" abc\n"));
  EXPECT_TRUE(Secrets::long_enough("abcd"));
  test::Random random(16);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  EXPECT_EQ(masked(secrets_of({"word\n"}), "a word, words", random), "a ***, ***s")
      << "blanks at its ends are not part of it";
}

TEST(LogSecrets, ABeginningIsHeldBackUntilItIsKnown) {
  SecretMasker masker(secrets_of({"hunter2hunter3"}));
  std::string room(Transform::kLeastRoom, '\0');
  const auto step = [&](std::string_view input, bool last) {
    return room.substr(0, masker.step(input, room, test::instant(), last).made);
  };
  EXPECT_EQ(step("login hunter", false), "login ");
  EXPECT_EQ(step("2hunter", false), "");
  EXPECT_EQ(step("3\n", false), "***\n");
  EXPECT_EQ(step("hunter4", false), "hunter4");
  EXPECT_EQ(step("hunter2hunterhun", false), "hunter2hunter");
  EXPECT_EQ(step("", true), "hun") << "too short to be one at the end";
  SecretMasker ended(secrets_of({"hunter2hunter3"}));
  std::string made = room.substr(0, ended.step(std::string_view("x hunter2hun"), room, test::instant(), true).made);
  EXPECT_EQ(made, "x ***") << "what was cut off at the end";
}

TEST(LogSecrets, AgreeWithLookingForEachAlone) {
  test::Random random(17);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 400; ++run) {
    std::vector<std::string> values;
    const std::string_view alphabet = run % 3 == 0 ? "ab" : run % 3 == 1 ? "abcdefgh" : "ab\n\"%= ";
    for (std::size_t count = 1 + test::below(random, run % 50 == 0 ? 60 : 4); count > 0; --count) {
      values.push_back(test::random_text(random, 4 + test::below(random, run % 20 == 0 ? 3000 : 20), alphabet));
    }
    const auto secrets = secrets_of(values);
    if (secrets == nullptr) {
      continue;
    }
    std::string text;
    for (std::size_t piece = test::below(random, 20); piece > 0; --piece) {
      text += test::random_text(random, test::below(random, 30), alphabet);
      const std::string& one = secrets->pieces()[test::below(random, secrets->pieces().size())];
      text += one.substr(0, test::below(random, 2) == 0 ? one.size() : test::below(random, one.size()));
    }
    ASSERT_EQ(masked(secrets, text, random), oracle(*secrets, text, true)) << "run " << run;
    ASSERT_EQ(secrets->mask(text), oracle(*secrets, text, false)) << "run " << run;
  }
}

TEST(LogSecrets, OtherTextsComeOutAsTheyWere) {
  test::Random random(18);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  std::vector<std::string> values(50);
  for (std::string& value : values) {
    value = test::random_text(random, 8 + test::below(random, 40), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
  }
  const auto secrets = secrets_of(values);
  for (int run = 0; run < 20; ++run) {
    const std::string text = test::random_log(random, 50000);
    ASSERT_EQ(masked(secrets, text, random), oracle(*secrets, text, true));
  }
}

// ---- patterns -------------------------------------------------------------------------------------------------------

std::shared_ptr<const Pattern> pattern(const std::vector<std::string>& expressions) {
  auto compiled = Pattern::compile(expressions);
  EXPECT_TRUE(compiled) << compiled.failure().message;
  return *compiled;
}

TEST(LogPattern, SaysWhatIsWrong) {
  EXPECT_THAT(Pattern::compile(std::vector<std::string>{"a", "(b"}).failure().message,
              testing::AllOf(testing::HasSubstr("\"(b\""), testing::HasSubstr("missing )")));
  EXPECT_THAT(Pattern::compile(std::vector<std::string>{"(a)\\1"}).failure().message, testing::HasSubstr("\\1"));
  EXPECT_THAT(Pattern::compile(std::vector<std::string>{"(a{500}){200}"}).failure().message,
              testing::HasSubstr("(a{500}){200}"));
  EXPECT_THAT(Pattern::compile(std::vector<std::string>{"[a-z]{900}x[a-z]{900}.{900}"}).failure().message,
              testing::HasSubstr("too large"));
}

TEST(LogPattern, IsMasked) {
  struct Case {
    std::vector<std::string> expressions;
    std::string input;
    std::string expected;
  };
  test::Random random(19);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (const Case& one :
       std::vector<Case>{{{"[0-9]{4}-[0-9]{4}"}, "card 1234-5678.\n1234-567\n1234-56789", "card ***.\n1234-567\n***9"},
                         {{"password=(\\S+)"}, "a password=x1 password=y2\nb\n", "a password=*** password=***\nb\n"},
                         {{"key=(\\w+)|tok_\\w+", "(?i)PIN ([0-9]+)"}, "key=a tok_b pin 12\n", "key=*** *** pin ***\n"},
                         {{"[0-9]{2}"}, "123456 1\n", "*** 1\n"},
                         {{"^ab$"}, "ab\nxab\nab\nabx", "***\nxab\n***\nabx"},
                         {{"(a(b)c)"}, "xabcx", "x***x"},
                         {{"a\\sb"}, "a b\na\nb\n", "***\na\nb\n"},
                         {{"[^x]+"}, "abc\nxdex\n", "***\nx***x\n"},
                         {{"x*y|\\bzz"}, "xxy zz azz", "*** *** azz"}}) {
    for (int run = 0; run < 30; ++run) {
      PatternMasker masker(pattern(one.expressions), 64);
      ASSERT_EQ(test::drive(masker, one.input, random), one.expected);
    }
    EXPECT_EQ(mask_pattern(*pattern(one.expressions), one.input), one.expected);
  }
}

TEST(LogPattern, DoesNotDependOnReads) {
  test::Random random(20);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  const auto both = pattern({"[a-f]{3}", "id=([0-9]+)"});
  for (int run = 0; run < 200; ++run) {
    const std::string input = test::random_log(random, test::below(random, 4000)) + "id=17 id=\n" +
                              test::random_text(random, test::below(random, 3000), "abcdefghi =0123456789\n");
    PatternMasker masker(both, 1 << 16);
    ASSERT_EQ(test::drive(masker, input, random), mask_pattern(*both, input));
  }
}

TEST(LogPattern, ALongLineIsLookedAtInPieces) {
  test::Random random(21);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  PatternMasker masker(pattern({"secret"}), 10);
  EXPECT_EQ(test::drive(masker, "a secret bcdef secret\nsecret", random), "a *** bcdef secret\n***");
}

TEST(LogPattern, AnUnfinishedLineWaitsButNotForLong) {
  using namespace std::chrono_literals;
  PatternMasker masker(pattern({"secret"}), 100);
  std::string room(Transform::kLeastRoom, '\0');
  Instant now = test::instant();
  auto step = masker.step(std::string_view("done\nsecret? "), room, now, false);
  EXPECT_EQ(room.substr(0, step.made), "done\n");
  EXPECT_EQ(step.hold_until, now.monotonic + 1s);
  now.monotonic += 1s;
  step = masker.step({}, room, now, false);
  EXPECT_EQ(room.substr(0, step.made), "***? ");
  EXPECT_EQ(step.hold_until, std::nullopt);
}

// Each of the matches could only be told apart by reading to the end of the line.
TEST(LogPattern, ALineThatWouldTakeLongIsMaskedToItsEnd) {
  const auto slow = pattern({"a[a-z]*!|a"});
  const std::string line(1 << 18, 'a');
  EXPECT_EQ(mask_pattern(*slow, line), "***");
  EXPECT_EQ(mask_pattern(*pattern({"ab"}), "ab" + line + "ab"), "***" + line + "***");
}

// ---- together -------------------------------------------------------------------------------------------------------

TEST(LogChain, StripsBeforeItMasks) {
  test::Random random(22);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  const auto secrets = secrets_of({"hunter2hunter3"});
  const auto digits = pattern({"[0-9]{3}"});
  for (int run = 0; run < 60; ++run) {
    const std::string text = test::random_log(random, test::below(random, 20000)) + "hunter2hun";
    auto filter = chain(chain(std::make_unique<AnsiStripper>(), std::make_unique<SecretMasker>(secrets)),
                        std::make_unique<PatternMasker>(digits, 1 << 16));
    AnsiStripper stripper;
    test::Random other(23);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    const std::string expected =
        mask_pattern(*digits, oracle(*secrets, test::drive(stripper, text + "\x1B[1mter3", other), true));
    ASSERT_EQ(test::drive(*filter, text + "\x1B[1mter3", random), expected);
  }
  EXPECT_EQ(chain(nullptr, nullptr), nullptr);
}

}  // namespace
}  // namespace jobinit::logs
