#include "jobinit/kernel/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {
namespace {

constexpr mode_t kFileMode = 0644;

Result<void> write_all(const Fd& file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) { continue; }
    if (written < 0) { return system_error(errno, fmt::format("writing {}", path)); }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::string> read_all(int fd, std::string_view name, std::size_t limit) {
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) { continue; }
    if (got < 0) { return system_error(errno, fmt::format("reading {}", name)); }
    if (got == 0) { return content; }
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit) { return error("reading {}: larger than {} bytes", name, limit); }
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) { return system_error(errno, fmt::format("reading {}", path)); }
  return read_all(file.get(), path, limit);
}

Result<void> replace_file(const std::string& path, std::string_view content) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  // The pid keeps two jobinits that share a volume apart; O_EXCL refuses a symlink that somebody left there.
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  ::unlink(temporary.c_str());
  Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file) { return system_error(errno, fmt::format("writing {}", path)); }
  auto written = write_all(file, content, path);
  if (written && ::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) {
    written = system_error(errno, fmt::format("writing {}", path));
  }
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = system_error(errno, fmt::format("renaming to {}", path));
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (const Fd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); at) { ::fsync(at.get()); }
  return {};
}

Result<void> overwrite_file(const std::string& path, std::string_view content) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, kFileMode));
  if (!file) { return system_error(errno, fmt::format("writing {}", path)); }
  return write_all(file, content, path);
}

}  // namespace jobinit::kernel
