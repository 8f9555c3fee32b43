// Whole small files: limits, replacing what others read, links, mounts and FIFOs.
#include "jobinit/kernel/files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "jobinit/kernel/fd.hpp"
#include "support.hpp"

namespace jobinit::kernel {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

ino_t inode(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_ino;
}

unsigned mode(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

bool is_link(const std::string& path) { return std::filesystem::is_symlink(path); }

void make_fifo(const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0) << path; }

// ---- reading --------------------------------------------------------------------------------------------------------

TEST(ReadFile, TakesUpToItsLimit) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{10000}}) {
    const std::string content(size, 'x');
    test::write_file(path, content);
    const auto whole = read_file(path, size);
    ASSERT_TRUE(whole) << whole.failure().message;
    EXPECT_EQ(*whole, content);
    if (size == 0) {
      continue;
    }
    const auto too_large = read_file(path, size - 1);
    ASSERT_FALSE(too_large) << "a part of a file is worse than none";
    EXPECT_THAT(too_large.failure().message, HasSubstr(path));
    EXPECT_THAT(too_large.failure().message, HasSubstr(fmt::format("larger than {} bytes", size - 1)));
  }
}

TEST(ReadFile, KeepsEveryByte) {
  const test::TemporaryFolder folder;
  std::string content;
  for (int byte = 0; byte < 256; ++byte) {
    content += static_cast<char>(byte);
  }
  test::write_file(folder / "file", content);
  const auto read = read_file(folder / "file");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, content);
}

TEST(ReadFile, ErrorsNameThePath) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "");
  struct Row {
    std::string path;
    int code;
  };
  for (const Row& row :
       {Row{folder / "missing", ENOENT}, Row{folder.path(), EISDIR}, Row{folder / "file/below", ENOTDIR}}) {
    const auto read = read_file(row.path);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.failure().code, row.code);
    EXPECT_THAT(read.failure().message, HasSubstr(row.path));
  }
}

TEST(ReadFile, DoesNotWaitForAFifosWriter) {
  const test::TemporaryFolder folder;
  make_fifo(folder / "fifo");
  const auto read = read_file(folder / "fifo");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, "");
}

// ---- replacing ------------------------------------------------------------------------------------------------------

TEST(ReplaceFile, MakesAFile) {
  const test::TemporaryFolder folder;
  const mode_t before = ::umask(027);
  const auto written = replace_file(folder / "report.json", "{}\n");
  ::umask(before);
  ASSERT_TRUE(written) << written.failure().message;
  EXPECT_EQ(test::content_of(folder / "report.json"), "{}\n");
  EXPECT_EQ(mode(folder / "report.json"), 0640U);
  EXPECT_THAT(folder.names(), UnorderedElementsAre("report.json")) << "no temporary file stays";
}

TEST(ReplaceFile, ReplacesAsAWhole) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "report.json";
  test::write_file(path, "old");
  // A reader that has it open sees the old content to its end.
  const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ino_t old_inode = inode(path);
  ASSERT_TRUE(replace_file(path, "new and longer"));
  EXPECT_NE(inode(path), old_inode);
  EXPECT_EQ(test::content_of(path), "new and longer");
  const auto seen = read_all(reader.get(), "old file", 100);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, "old");
}

TEST(ReplaceFile, FollowsALink) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "volume/report.json", "old");
  std::filesystem::create_symlink("volume/report.json", folder / "link");
  ASSERT_TRUE(replace_file(folder / "link", "new"));
  EXPECT_TRUE(is_link(folder / "link"));
  EXPECT_EQ(test::content_of(folder / "volume/report.json"), "new");
}

// The first run on a fresh volume: the image's link is there, what it leads to is not yet.
TEST(ReplaceFile, FollowsALinkToWhatIsNotThereYet) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "volume");
  std::filesystem::create_symlink("volume/report.json", folder / "link");
  ASSERT_TRUE(replace_file(folder / "link", "new"));
  EXPECT_TRUE(is_link(folder / "link")) << "the link was replaced, and the report never got to the volume";
  ASSERT_TRUE(std::filesystem::exists(folder / "volume/report.json"));
  EXPECT_EQ(test::content_of(folder / "volume/report.json"), "new");
}

// /dev/stdout is such a link: /proc/self/fd/1, whose own text ("pipe:[4711]") is no path.
TEST(ReplaceFile, FollowsALinkToAnOpenPipe) {
  const test::TemporaryFolder folder;
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe) << pipe.failure().message;
  std::filesystem::create_symlink(fmt::format("/proc/self/fd/{}", pipe->write.get()), folder / "stdout");
  const auto written = replace_file(folder / "stdout", "words");
  pipe->write.reset();
  ASSERT_TRUE(written) << written.failure().message;
  const auto seen = read_all(pipe->read.get(), "pipe", 100);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, "words");
  EXPECT_TRUE(is_link(folder / "stdout"));
}

// Links that lead round in a circle end somewhere, in an error.
TEST(ReplaceFile, DoesNotFollowACircle) {
  const test::TemporaryFolder folder;
  std::filesystem::create_symlink("b", folder / "a");
  std::filesystem::create_symlink("a", folder / "b");
  EXPECT_FALSE(replace_file(folder / "a", "new"));
  EXPECT_THAT(folder.names(), UnorderedElementsAre("a", "b"));
  EXPECT_TRUE(is_link(folder / "a") && is_link(folder / "b"));
}

TEST(ReplaceFile, LeavesNothingBehindWhenItFails) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "folder");
  test::write_file(folder / "file", "");
  struct Row {
    std::string path;
    int code;
  };
  for (const Row& row : {Row{folder / "missing/report.json", ENOENT}, Row{folder / "file/report.json", ENOTDIR},
                         Row{folder / "folder", EISDIR}}) {
    const auto written = replace_file(row.path, "new");
    ASSERT_FALSE(written) << row.path;
    EXPECT_EQ(written.failure().code, row.code) << written.failure().message;
    EXPECT_THAT(written.failure().message, HasSubstr(row.path));
  }
  EXPECT_THAT(folder.names(), UnorderedElementsAre("folder", "file"));
}

TEST(ReplaceFile, WritesInPlaceWhereTheFolderIsNotOurs) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may write to every folder";
  }
  const test::TemporaryFolder folder;
  const std::string path = folder / "closed/report.json";
  test::write_file(path, "old content");
  const ino_t old_inode = inode(path);
  std::filesystem::permissions(folder / "closed", std::filesystem::perms(0555));
  const auto written = replace_file(path, "new");
  std::filesystem::permissions(folder / "closed", std::filesystem::perms(0755));
  ASSERT_TRUE(written) << written.failure().message;
  EXPECT_EQ(test::content_of(path), "new");
  EXPECT_EQ(inode(path), old_inode);
}

// Both ways of writing must leave a FIFO, which is somebody's channel, where it is.
class Writing
    : public testing::TestWithParam<std::pair<const char*, Result<void> (*)(const std::string&, std::string_view)>> {
 protected:
  Result<void> write(const std::string& path, std::string_view content) const {
    return GetParam().second(path, content);
  }
};

TEST_P(Writing, GoesIntoAFifoThatIsRead) {
  const test::TemporaryFolder folder;
  make_fifo(folder / "fifo");
  const Fd reader(::open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto written = write(folder / "fifo", "words");
  ASSERT_TRUE(written) << written.failure().message;
  const auto seen = read_all(reader.get(), "fifo", 100);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, "words");
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "fifo"));
}

TEST_P(Writing, DoesNotWaitForAFifosReader) {
  const test::TemporaryFolder folder;
  make_fifo(folder / "fifo");
  const auto written = write(folder / "fifo", "words");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.failure().code, ENXIO);
  EXPECT_THAT(written.failure().message, HasSubstr(folder / "fifo"));
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "fifo"));
}

TEST_P(Writing, DoesNotWaitForAReaderThatStandsStill) {
  const test::TemporaryFolder folder;
  make_fifo(folder / "fifo");
  const Fd reader(::open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto written = write(folder / "fifo", std::string(4U << 20U, 'x'));  // no pipe holds that much
  ASSERT_FALSE(written);
  EXPECT_EQ(written.failure().code, EAGAIN);
}

Result<void> replace(const std::string& path, std::string_view content) { return replace_file(path, content); }

INSTANTIATE_TEST_SUITE_P(Files, Writing,
                         testing::Values(std::pair{"Replace", &replace}, std::pair{"Overwrite", &overwrite_file}),
                         [](const auto& row) { return std::string(row.param.first); });

TEST(OverwriteFile, KeepsTheFileAndNothingOfItsContent) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "termination-log";
  test::write_file(path, "old and longer");
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  const ino_t old_inode = inode(path);
  ASSERT_TRUE(overwrite_file(path, "new"));
  EXPECT_EQ(test::content_of(path), "new");
  EXPECT_EQ(inode(path), old_inode) << "it is mounted: another file would not be seen outside";
  EXPECT_EQ(mode(path), 0666U);
  ASSERT_TRUE(overwrite_file(path, ""));
  EXPECT_EQ(test::content_of(path), "");
}

}  // namespace
}  // namespace jobinit::kernel
