#include "jobinit/kernel/lock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace jobinit::kernel {

Result<std::optional<FileLock>> FileLock::try_take(const std::string& path, Role role) {
  const int mode = role == Role::owner ? O_RDWR : O_RDONLY;
  Fd file(::open(path.c_str(), mode | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file) {
    return system_error(errno, fmt::format("opening {}", path));
  }
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return std::optional<FileLock>();
    }
    if (errno == EBADF && role == Role::finder) {
      return try_take(path, Role::owner);  // NFS makes it a lock for writing (flock(2))
    }
    if (errno != EINTR) {
      return system_error(errno, fmt::format("locking {}", path));
    }
  }
  return std::optional<FileLock>(FileLock(std::move(file)));
}

Result<FolderWatch> FolderWatch::open(const std::string& folder) {
  FolderWatch watch;
  watch.fd_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const auto events = static_cast<std::uint32_t>(IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
  if (!watch.fd_ || ::inotify_add_watch(watch.fd_.get(), folder.c_str(), events) < 0) {
    return system_error(errno, fmt::format("watching {}", folder));
  }
  return watch;
}

void FolderWatch::drain() const {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  while (::read(fd_.get(), buffer.data(), buffer.size()) > 0) {
  }
}

Result<std::vector<std::string>> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (folder == nullptr) {
    return system_error(errno, fmt::format("reading {}", path));
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_error(errno, fmt::format("removing {}", path));
  }
  return {};
}

std::optional<std::uint64_t> file_size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::optional<std::string> file_identity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

}  // namespace jobinit::kernel
