// Locks that fall with the process that holds them, and folders that are watched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// An exclusive lock on a file (flock(2)), held until this is destroyed or the process ends, however it ends. It belongs
// to this process alone: the descriptor is close-on-exec.
class FileLock {
 public:
  // Makes the file where it is missing, mode 0600. nullopt: somebody else holds it. The end of an owner shows to a
  // FolderWatch; a finder, who only looks whether there is one, must not.
  enum class Role { owner, finder };
  static Result<std::optional<FileLock>> try_take(const std::string& path, Role role);

 private:
  explicit FileLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

// Becomes readable when a file in the folder that was open for writing is closed (inotify(7)), as the lock of an owner
// that dies is, and when one comes into it or goes. On a network file system only for this machine's doings.
class FolderWatch {
 public:
  static Result<FolderWatch> open(const std::string& folder);
  const Fd& fd() const { return fd_; }
  void drain() const;

 private:
  Fd fd_;
};

// The names in a folder, sorted, without "." and "..".
Result<std::vector<std::string>> list_folder(const std::string& path);

// Missing is no error.
Result<void> remove_file(const std::string& path);

// In bytes; nullopt where there is none.
std::optional<std::uint64_t> file_size(const std::string& path);

// "device:inode": whether a path still leads to the same file; nullopt where there is none.
std::optional<std::string> file_identity(const std::string& path);

}  // namespace jobinit::kernel
