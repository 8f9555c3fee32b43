#include "jobinit/kernel/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::kernel {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr int kMostLinks = 40;  // as the kernel (path_resolution(7))

Error writing(const std::string& path) { return system_error(errno, fmt::format("writing {}", path)); }

Result<void> write_all(const Fd& file, std::string_view content, const std::string& path, Durability durability) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return writing(path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  // EINVAL: a device, which has nothing to be synced.
  if (durability == Durability::disk && ::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) {
    return writing(path);
  }
  return {};
}

// What a link leads to, so that the link stays, also one to a file that is not there yet.
Result<std::string> resolve_links(std::string path) {
  std::array<char, PATH_MAX> target{};
  for (int hop = 0; hop < kMostLinks; ++hop) {
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    // What /proc shows as a link to an open file is no path to it: "pipe:[4711]", or a log that others append to.
    if (length <= 0 || static_cast<std::size_t>(length) == target.size() || path.starts_with("/proc/")) {
      return path;
    }
    const std::string_view to(target.data(), static_cast<std::size_t>(length));
    const std::size_t folder = to.starts_with('/') ? 0 : path.rfind('/') + 1;  // npos + 1 is 0
    path.replace(folder, std::string::npos, to);
  }
  return system_error(ELOOP, fmt::format("writing {}", path));
}

// A file that cannot be renamed over: mounted by itself (EBUSY), or in a folder that is not ours to write to.
bool must_stay_in_place(int code) {
  return code == EBUSY || code == EACCES || code == EPERM || code == EROFS || code == EXDEV;
}

Result<void> write_beside(const std::string& path, std::string_view content, Durability durability) {
  // In containers every jobinit is pid 1, so that only chance keeps two that share a volume apart; O_EXCL refuses a
  // link that somebody left there.
  const std::string temporary = fmt::format("{}.{}.tmp", path, make_uuid_v7());
  const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file) {
    return writing(path);
  }
  auto written = write_all(file, content, path, durability);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = system_error(errno, fmt::format("renaming to {}", path));
  }
  if (!written) {
    ::unlink(temporary.c_str());
  }
  return written;
}

// /proc/PID/fd/N, and /dev/stdout, which leads there: to what is already in that file, or to a pipe's reader, this is
// added.
Result<void> append_to_open_file(const std::string& path, std::string_view content) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return writing(path);
  }
  if (!write_patiently(file.get(), content, std::chrono::seconds(1))) {
    return error("writing {}: nobody reads it", path);
  }
  return {};
}

}  // namespace

Result<std::string> read_all(int fd, std::string_view name, std::size_t limit) {
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return system_error(errno, fmt::format("reading {}", name));
    }
    if (got == 0) {
      return content;
    }
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit) {
      return error("reading {}: larger than {} bytes", name, limit);
    }
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return system_error(errno, fmt::format("reading {}", path));
  }
  return read_all(file.get(), path, limit);
}

Result<void> replace_file(const std::string& path, std::string_view content, Durability durability) {
  const auto resolved = resolve_links(path);
  if (!resolved) {
    return resolved.failure();
  }
  const std::string& target = *resolved;
  if (target.starts_with("/proc/")) {
    return append_to_open_file(target, content);
  }
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  // Renaming over a device or a FIFO would take it away from everybody else.
  if (exists && !S_ISREG(status.st_mode)) {
    return overwrite_file(target, content);
  }
  auto replaced = write_beside(target, content, durability);
  if (!replaced && exists && must_stay_in_place(replaced.failure().code)) {
    auto overwritten = overwrite_file(target, content);
    return overwritten ? overwritten : replaced;
  }
  if (!replaced) {
    return replaced;
  }
  if (durability != Durability::disk) {
    return {};
  }
  const std::size_t slash = target.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  if (const Fd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); at) {
    ::fsync(at.get());
  }
  return {};
}

Result<void> overwrite_file(const std::string& path, std::string_view content) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, kFileMode));
  if (!file) {
    return writing(path);
  }
  return write_all(file, content, path, Durability::memory);
}

}  // namespace jobinit::kernel
