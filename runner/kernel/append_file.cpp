#include "jobinit/kernel/append_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace jobinit::kernel {
namespace {

constexpr mode_t kMode = 0644;

}  // namespace

Result<AppendFile> AppendFile::open(std::string path) {
  AppendFile file;
  file.path_ = std::move(path);
  if (const auto opened = file.reopen(); !opened) {
    return opened.failure();
  }
  return file;
}

Result<void> AppendFile::reopen() {
  // Without O_NONBLOCK, a FIFO that nobody reads would hold us up before we know that it is one.
  Fd fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kMode));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    // ENXIO: a FIFO without a reader, or a socket (open(2)).
    return errno == ENXIO ? Error{path_ + " is not a regular file", ENXIO} : system_error(errno, path_);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{path_ + " is not a regular file", EINVAL};
  }
  fd_ = std::move(fd);
  size_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

AppendFile::Written AppendFile::write(std::span<const char> bytes) {
  Written result;
  while (result.bytes < bytes.size()) {
    const ssize_t written = ::write(fd_.get(), bytes.data() + result.bytes, bytes.size() - result.bytes);
    if (written >= 0) {
      result.bytes += static_cast<std::size_t>(written);
      size_ += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      result.failed = errno;
      break;
    }
  }
  return result;
}

Result<void> AppendFile::rotate(unsigned kept) {
  if (kept == 0) {
    if (::ftruncate(fd_.get(), 0) != 0) {
      return system_error(errno, path_);
    }
    size_ = 0;
    return {};
  }
  for (unsigned number = kept; number >= 1; --number) {
    const std::string from = number == 1 ? path_ : fmt::format("{}.{}", path_, number - 1);
    const std::string to = fmt::format("{}.{}", path_, number);
    if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      return system_error(errno, fmt::format("renaming {} to {}", from, to));
    }
  }
  return reopen();
}

}  // namespace jobinit::kernel
