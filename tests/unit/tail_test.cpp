// The ring of last words, against an oracle that simply keeps everything.
#include "jobinit/logs/tail.hpp"

#include <gtest/gtest.h>

#include <random>

#include "support.hpp"

namespace jobinit::logs {
namespace {

class TailOf : public testing::TestWithParam<std::size_t> {};

TEST_P(TailOf, AgreesWithKeepingEverything) {
  const std::size_t capacity = GetParam();
  std::mt19937 random(static_cast<unsigned>(capacity) + 1);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 50; ++run) {
    Tail tail(capacity);
    std::string everything;
    EXPECT_EQ(tail.text(), "");
    EXPECT_FALSE(tail.truncated());
    for (int append = 0; append < 40; ++append) {
      // Around the capacity, where the ring wraps and where one append covers it more than once; and nothing at all.
      std::string bytes(random() % (2 * capacity + 3), '\0');
      for (char& c : bytes) {
        c = static_cast<char>(random());
      }
      tail.append(bytes);
      everything += bytes;
      const std::size_t kept = std::min(capacity, everything.size());
      ASSERT_EQ(tail.text(), everything.substr(everything.size() - kept)) << "run " << run << ", append " << append;
      ASSERT_EQ(tail.truncated(), everything.size() > capacity);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Capacity, TailOf, testing::Values(0, 1, 2, 3, 7, 64, 4095, 4096, 4097));

TEST(Tail, FilledToTheByteIsNotTruncated) {
  Tail tail(4);
  tail.append(std::string_view("abcd"));
  EXPECT_EQ(tail.text(), "abcd");
  EXPECT_FALSE(tail.truncated());
  tail.append(std::string_view("e"));
  EXPECT_EQ(tail.text(), "bcde");
  EXPECT_TRUE(tail.truncated());
}

}  // namespace
}  // namespace jobinit::logs
