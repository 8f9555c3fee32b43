// Whole small files: reading what the kernel or a user wrote, replacing what others read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"

namespace jobinit::kernel {

// Where absolute paths start. "" is the real root; tests put a tree of their own under it.
struct Root {
  std::string prefix;
  std::string operator()(std::string_view absolute) const { return prefix + std::string(absolute); }
};

// At most `limit` bytes; a larger file is an error. Does not block on a FIFO without a writer.
Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);

// The rest of an open file or pipe, to its end; `name` is for messages.
Result<std::string> read_all(int fd, std::string_view name, std::size_t limit);

// Whether a write waits for the disk (fsync(2)): a network file system may take its time for that.
enum class Durability { disk, memory };

// Temporary name in the same folder, fsync, rename, fsync of the folder: a reader sees the old or the new content,
// never a part, and a crash after the return loses nothing. Mode 0644 less the umask. Errors carry errno and the path.
// A link is followed. What cannot be renamed over (a file mounted by itself, or in a folder that may not be written to;
// a device; a FIFO) is overwritten in place.
// What is behind /proc/PID/fd is appended to.
Result<void> replace_file(const std::string& path, std::string_view content, Durability durability = Durability::disk);

// Overwrites in place, for a file that is mounted and cannot be renamed over (Kubernetes' termination log). Does not
// block on a FIFO that nobody reads: that is an error.
Result<void> overwrite_file(const std::string& path, std::string_view content);

}  // namespace jobinit::kernel
