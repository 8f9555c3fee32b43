#include "jobinit/kernel/fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <memory>
#include <vector>

namespace jobinit::kernel {

void Fd::reset() {
  if (number_ >= 0) {
    ::close(std::exchange(number_, -1));
  }
}

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return system_error(errno, "making a pipe");
  }
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) {
    return system_error(errno, "making a pipe non-blocking");
  }
  return pipe;
}

Result<Fd> make_memory_file(std::string_view content) {
  Fd file(::memfd_create("jobinit", MFD_CLOEXEC));
  if (!file) {
    return system_error(errno, "making a memory file");
  }
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) {
      return system_error(errno, "writing a memory file");
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return system_error(errno, "rewinding a memory file");
  }
  return file;
}

unsigned ensure_standard_fds() {
  unsigned closed = 0;
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      continue;
    }
    closed |= 1U << static_cast<unsigned>(fd);
    // The lowest free number is this one. Without /dev/null a pipe's end does: reading gives the end of file, writing
    // EPIPE, and the number is taken either way.
    if (::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0) {  // NOLINT: inherited on purpose
      int ends[2] = {-1, -1};
      if (::pipe(ends) == 0) {  // NOLINT: inherited on purpose
        const int keep = fd == 0 ? ends[0] : ends[1];
        const int other = fd == 0 ? ends[1] : ends[0];
        if (keep != fd) {
          ::dup2(keep, fd);
        }
        if (other != fd) {
          ::close(other);
        }
        if (keep != fd) {
          ::close(keep);
        }
      }
    }
  }
  return closed;
}

void close_outputs() {
  ::close(STDOUT_FILENO);
  ::close(STDERR_FILENO);
}

void close_inherited() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (folder == nullptr) {
    return;
  }
  std::vector<int> inherited;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread
    const std::string_view name = entry->d_name;
    int fd = -1;
    const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), fd);
    if (failure == std::errc() && fd > 2 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) {
      inherited.push_back(fd);
    }
  }
  for (const int fd : inherited) {
    ::close(fd);
  }
}

Fd leave_folder() {
  Fd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (here && ::chdir("/") != 0) {
    here.reset();
  }
  return here;
}

void enter_folder(int folder) { [[maybe_unused]] const int done = ::fchdir(folder); }

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

bool same_file(int a, int b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

void wait_until_readable(std::initializer_list<int> fds, std::chrono::nanoseconds at_most) {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
  std::vector<pollfd> watched;
  for (const int fd : fds) {
    watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  }
  ::poll(watched.data(), watched.size(), static_cast<int>(std::clamp<std::int64_t>(whole, 0, INT_MAX)));
}

bool write_patiently(int fd, std::string_view text, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!text.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return false;
    }
    // Up to PIPE_BUF bytes do not block once poll has said POLLOUT (pipe(7)).
    const ssize_t written = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return false;
    }
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return true;
}

}  // namespace jobinit::kernel
