// The last words of several streams, some of them never read, against an oracle that simply keeps everything.
#include "jobinit/logs/last_words.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "jobinit/kernel/splice.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

std::string last(const std::string& all, std::size_t bytes) {
  return all.substr(all.size() - std::min(all.size(), bytes));
}

class LastWordsOf : public testing::TestWithParam<std::size_t> {};

// Everything that a pump does, in random order and sizes: reading, noting and moving, in part or as a whole, and moving
// unseen what is followed by enough.
TEST_P(LastWordsOf, AgreesWithKeepingEverything) {
  const std::size_t capacity = GetParam();
  std::mt19937 random(static_cast<unsigned>(capacity) + 1);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int run = 0; run < 20; ++run) {
    LastWords words({.bytes = capacity});
    std::string all;
    std::string each[2];
    ASSERT_EQ(words.add_stream(), 0U);
    ASSERT_EQ(words.add_stream(), 1U);
    for (int step = 0; step < 60; ++step) {
      const std::size_t stream = random() % 2;
      std::string bytes(random() % 60000, '\0');
      for (char& c : bytes) {
        c = static_cast<char>('a' + random() % 26);
      }
      all += bytes;
      each[stream] += bytes;
      if (random() % 4 == 0) {
        words.append(stream, bytes);
      } else {
        auto pipe = kernel::make_pipe();
        ASSERT_TRUE(pipe);
        ASSERT_EQ(::write(pipe->write.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
        std::size_t left = bytes.size();
        if (left > 2 * capacity && random() % 2 == 0) {
          const std::size_t unseen = 1 + random() % (left - capacity);
          kernel::discard(pipe->read, unseen);
          words.skip(stream, unseen);
          left -= unseen;
        }
        while (left > 0) {
          const std::size_t noted = words.note(stream, pipe->read, left);
          ASSERT_GT(noted, 0U);
          kernel::discard(pipe->read, noted);
          left -= noted;
        }
      }
      if (random() % 8 == 0 || step == 59) {
        ASSERT_EQ(words.all().text, last(all, capacity)) << "run " << run << ", step " << step;
        ASSERT_EQ(words.all().truncated, all.size() > capacity);
        for (const std::size_t one : {0U, 1U}) {
          ASSERT_EQ(words.of(one).text, last(each[one], capacity)) << "run " << run << ", step " << step;
          ASSERT_EQ(words.of(one).truncated, each[one].size() > capacity);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Capacity, LastWordsOf, testing::Values(0, 1, 4095, 4096, 20000, 65536, 1000000));

// A pipe that fills with pages of a byte each has no room long before its bytes are many.
TEST(LastWords, OfManySmallPagesAreKept) {
  LastWords words({.bytes = 1000});
  words.add_stream();
  std::string all;
  auto pipe = kernel::make_pipe();
  ASSERT_TRUE(pipe);
  for (int i = 0; i < 5000; ++i) {
    const char c = static_cast<char>('a' + i % 26);
    all += c;
    ASSERT_EQ(::write(pipe->write.get(), &c, 1), 1);
    ASSERT_EQ(words.note(0, pipe->read, 1), 1U);
    kernel::discard(pipe->read, 1);
  }
  EXPECT_EQ(words.all().text, last(all, 1000));
}

std::string lines_of(std::string_view text, std::size_t lines) {
  LastWords words({.bytes = 100, .lines = lines});
  words.add_stream();
  words.append(0, text);
  EXPECT_EQ(words.all().truncated, words.all().text.size() < text.size());
  return words.all().text;
}

TEST(LastWords, AreCutToSoManyLines) {
  EXPECT_EQ(lines_of("a\nb\nc\n", 0), "a\nb\nc\n");
  EXPECT_EQ(lines_of("a\nb\nc\n", 1), "c\n");
  EXPECT_EQ(lines_of("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(lines_of("a\nb\nc\n", 3), "a\nb\nc\n");
  EXPECT_EQ(lines_of("a\nb\nc\n", 4), "a\nb\nc\n");
  EXPECT_EQ(lines_of("a\nb\nc", 1), "c");
  EXPECT_EQ(lines_of("a\n\n\n", 2), "\n\n");
  EXPECT_EQ(lines_of("\na", 1), "a");
  EXPECT_EQ(lines_of("\na", 2), "\na");
  EXPECT_EQ(lines_of("\n", 1), "\n");
  EXPECT_EQ(lines_of("", 1), "");
}

}  // namespace
}  // namespace jobinit::logs
