// Files that are rotated: one after the other they are the log.
#include "jobinit/logs/log_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <random>

#include "support.hpp"

namespace jobinit::logs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string all_of(const std::string& path, int most) {
  std::string all;
  for (int i = most; i >= 0; --i) {
    const std::string one = i == 0 ? path : fmt::format("{}.{}", path, i);
    all += std::filesystem::exists(one) ? test::content_of(one) : "";
  }
  return all;
}

TEST(LogFile, IsAppendedTo) {
  test::TemporaryFolder folder;
  test::write_file(folder / "log", "before\n");
  auto file = LogFile::open(folder / "log", {});
  ASSERT_TRUE(file);
  file->write(std::string_view("one\n"));
  test::write_file(folder / "log", "");  // as copytruncate does
  file->write(std::string_view("two\n"));
  EXPECT_EQ(test::content_of(folder / "log"), "two\n");
  EXPECT_EQ(file->written(), 8U);
  EXPECT_THAT(file->problem(), IsEmpty());
}

TEST(LogFile, IsRotatedBetweenLines) {
  test::TemporaryFolder folder;
  auto file = LogFile::open(folder / "log", {.bytes = 10, .kept = 2});
  ASSERT_TRUE(file);
  file->write(std::string_view("aaa\nbbb\nccc\n"));
  EXPECT_EQ(test::content_of(folder / "log.1"), "aaa\nbbb\n");
  EXPECT_EQ(test::content_of(folder / "log"), "ccc\n");
  file->write(std::string_view("dd"));
  file->write(std::string_view("d\neee\n"));
  file->write(std::string_view("0123456789abc\n"));
  file->write(std::string_view("f\n"));
  EXPECT_EQ(test::content_of(folder / "log.2"), "eee\n");
  EXPECT_EQ(test::content_of(folder / "log.1"), "0123456789abc\n");  // longer than a file may be
  EXPECT_EQ(test::content_of(folder / "log"), "f\n");
  EXPECT_THAT(folder.names(), UnorderedElementsAre("log", "log.1", "log.2"));
  EXPECT_EQ(file->rotations(), 4U);
}

TEST(LogFile, OneAfterTheOtherTheyAreTheLog) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    test::TemporaryFolder folder;
    auto file = LogFile::open(folder / "log", {.bytes = 500, .kept = 1000});
    ASSERT_TRUE(file);
    std::string all;
    std::size_t longest = 0;
    for (int line = 0; line < 200; ++line) {
      const std::string text(random() % (seed % 2 == 0 ? 60 : 900), 'x');
      longest = std::max(longest, text.size() + 1);
      all += text + "\n";
    }
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t part = std::min<std::size_t>(all.size() - at, 1 + random() % 300);
      file->write(std::string_view(all).substr(at, part));
      at += part;
    }
    EXPECT_EQ(all_of(folder / "log", 1000), all) << seed;
    for (const std::string& name : folder.names()) {
      const std::string content = test::content_of(folder / name);
      EXPECT_LT(content.size(), 500 + longest) << "a line that came in pieces ends where it began; seed " << seed;
      EXPECT_TRUE(content.empty() || content.back() == '\n') << seed;
    }
    EXPECT_EQ(file->written(), all.size());
  }
}

TEST(LogFile, AFullDiskIsToldAndCounted) {
  test::TemporaryFolder folder;
  auto file = LogFile::open(folder / "log", {.bytes = 10, .kept = 1});
  ASSERT_TRUE(file);
  std::filesystem::create_directory(folder / "log.1");
  std::filesystem::create_directory(folder / "log.1/in the way");
  file->write(std::string_view("12345678\n12345678\nabc\n"));
  EXPECT_THAT(file->problem(), HasSubstr("renaming"));
  EXPECT_EQ(test::content_of(folder / "log"), "12345678\n12345678\nabc\n");
  EXPECT_EQ(file->dropped(), 0U);
  EXPECT_EQ(file->rotations(), 0U);
}

TEST(LogFile, OnlyRegularFilesWillDo) {
  test::TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(LogFile::open(folder / "fifo", {}).failure().message, HasSubstr("not a regular file"));
  EXPECT_THAT(LogFile::open("/dev/null", {}).failure().message, HasSubstr("not a regular file"));
  EXPECT_THAT(LogFile::open(folder / "no/log", {}).failure().message, HasSubstr("No such file"));
  EXPECT_THAT(LogFile::open(folder.path(), {}).failure().message, HasSubstr("Is a directory"));
}

}  // namespace
}  // namespace jobinit::logs
