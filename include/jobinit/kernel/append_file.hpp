// A regular file that grows at its end, and is renamed out of the way when it has grown enough.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

class AppendFile {
 public:
  // Made where it is missing, mode 0644 less the umask; O_APPEND, so that whoever else appends to it or truncates it
  // does no harm. What is there and is no regular file is refused.
  static Result<AppendFile> open(std::string path);

  struct Written {
    std::size_t bytes = 0;
    int failed = 0;  // errno
  };
  // All of it, or as much as the disk takes; waits for the disk.
  Written write(std::span<const char> bytes);
  // As far as this object has seen it grow.
  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // PATH becomes PATH.1, that PATH.2 and so on; the one beyond PATH.`kept` is gone, and the file is a new one. With 0
  // the file is emptied. Where it fails, the old one is still written to; errors carry errno and the path.
  Result<void> rotate(unsigned kept);

 private:
  Result<void> reopen();

  std::string path_;
  Fd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace jobinit::kernel
