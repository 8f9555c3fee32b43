#include "jobinit/kernel/paths.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::kernel {
namespace {

constexpr mode_t kOwnerReads = 0400;
constexpr std::size_t kPage = 4096;  // what MAX_ARG_STRLEN counts in is at least this
constexpr std::size_t kLongestText = 32 * kPage;
constexpr std::size_t kAlwaysThere = 32 * kPage;              // ARG_MAX
constexpr std::size_t kMostEver = 8UL * 1024 * 1024 / 4 * 3;  // of _STK_LIM

Result<void> fill(const Fd& file, std::string_view content, const std::string& path, std::optional<Id> user,
                  std::optional<Id> group) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno != EINTR) {
      return system_error(errno, fmt::format("writing {}", path));
    }
    content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  const auto id = [](std::optional<Id> given) { return given ? *given : static_cast<Id>(-1); };
  if ((user || group) && ::fchown(file.get(), id(user), id(group)) != 0) {
    return system_error(errno, fmt::format("giving {} to the job's user", path));
  }
  return {};
}

}  // namespace

Result<PathKind> path_kind(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return PathKind::missing;
    }
    return system_error(errno, path);
  }
  return S_ISDIR(status.st_mode) ? PathKind::folder : S_ISREG(status.st_mode) ? PathKind::file : PathKind::other;
}

bool may_write(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

Result<void> write_private_file(const std::string& path, std::string_view content, std::optional<Id> user,
                                std::optional<Id> group) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, make_uuid_v7());
  const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerReads));
  if (!file) {
    return system_error(errno, fmt::format("writing {}", path));
  }
  auto done = fill(file, content, path, user, group);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0) {
    done = system_error(errno, fmt::format("renaming to {}", path));
  }
  if (!done) {
    ::unlink(temporary.c_str());
  }
  return done;
}

ExecLimits exec_limits(std::optional<std::uint64_t> stack) {
  struct rlimit limit {};
  if (!stack && ::getrlimit(RLIMIT_STACK, &limit) == 0) {
    stack = limit.rlim_cur;
  }
  const std::size_t quarter = stack.value_or(0) / 4;
  return {std::max(std::min(kMostEver, quarter), kAlwaysThere), kLongestText};
}

}  // namespace jobinit::kernel
