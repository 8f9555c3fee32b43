#include "jobinit/kernel/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "jobinit/kernel/splice.hpp"

namespace jobinit::kernel {
namespace {

// Documentation/admin-guide/devices.txt in the kernel's sources.
bool is_pty_slave(dev_t device) { return major(device) >= 136 && major(device) <= 143; }
bool is_console(dev_t device) { return major(device) == 4; }  // and the serial ports

bool is_null_device(mode_t mode, dev_t device) { return S_ISCHR(mode) && device == makedev(1, 3); }

}  // namespace

bool Output::reopen(int fd, int more_flags) {
  fd_ = Fd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | more_flags));
  return static_cast<bool>(fd_);
}

void Output::choose_means(int fd, unsigned mode, unsigned long device) {
  if (S_ISFIFO(mode)) {
    always_writable_ = false;
    can_move_ = true;
    // A runtime's pipe belongs to root: a job's user may write to it but not open it anew.
    if (reopen(fd, 0)) {
      means_ = Means::nonblocking;
      return;
    }
    auto staging = make_pipe();
    if (staging && ::fcntl(staging->write.get(), F_SETFL, O_NONBLOCK) == 0) {
      staging_ = std::move(*staging);
    }
    // Without bytes to move, a kernel or sandbox that has no such call still says so.
    const bool splices =
        staging_.read && ::splice(staging_.read.get(), nullptr, fd, nullptr, 0, SPLICE_F_NONBLOCK) == 0;
    means_ = splices ? Means::staged : Means::careful;
  } else if (S_ISSOCK(mode)) {
    always_writable_ = false;
    means_ = Means::socket;
  } else if (S_ISCHR(mode) && ::isatty(fd) == 1) {
    always_writable_ = false;
    // Opening a pty's master anew would make another pty (pts(4)).
    const bool opens_itself = is_pty_slave(device) || is_console(device);
    means_ = opens_itself && reopen(fd, O_NOCTTY) ? Means::nonblocking : Means::careful;
  } else {
    can_move_ = is_null_device(mode, device) || (S_ISREG(mode) && (::fcntl(fd, F_GETFL) & O_APPEND) == 0);
  }
}

Result<Output> Output::open(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return system_error(errno, fmt::format("file descriptor {}", fd));
  }
  Output output;
  output.choose_means(fd, status.st_mode, status.st_rdev);
  if (!output.fd_) {
    output.fd_ = Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  }
  if (!output.fd_) {
    return system_error(errno, fmt::format("duplicating file descriptor {}", fd));
  }
  if (!output.always_writable_) {
    output.ready_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLOUT;
    if (!output.ready_ || ::epoll_ctl(output.ready_.get(), EPOLL_CTL_ADD, output.fd_.get(), &event) != 0) {
      return system_error(errno, fmt::format("watching file descriptor {}", fd));
    }
  }
  return output;
}

Output::Written Output::write(std::span<const char> bytes) const {
  if (means_ == Means::staged) {
    return write_staged(bytes);
  }
  Written result;
  while (result.bytes < bytes.size()) {
    const std::span<const char> rest = bytes.subspan(result.bytes);
    ssize_t written = -1;
    if (means_ == Means::socket) {
      written = ::send(fd_.get(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (means_ == Means::careful) {
      pollfd ready{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, 0) == 0) {
        result.would_block = true;
        return result;
      }
      written = ::write(fd_.get(), rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    } else {
      written = ::write(fd_.get(), rest.data(), rest.size());
    }
    if (written >= 0) {
      result.bytes += static_cast<std::size_t>(written);
    } else if (errno == EAGAIN) {
      result.would_block = true;
      return result;
    } else if (errno != EINTR) {
      result.failed = errno;
      return result;
    }
  }
  return result;
}

// What does not get from the staging pipe to the output is thrown away again: the caller still has it.
Output::Written Output::write_staged(std::span<const char> bytes) const {
  Written result;
  while (result.bytes < bytes.size() && !result.would_block && result.failed == 0) {
    const std::span<const char> rest = bytes.subspan(result.bytes);
    const ssize_t staged = ::write(staging_.write.get(), rest.data(), rest.size());
    if (staged < 0) {
      if (errno != EINTR) {
        result.failed = errno;
      }
      continue;
    }
    std::size_t left = static_cast<std::size_t>(staged);
    while (left > 0 && !result.would_block && result.failed == 0) {
      const Moved moved = move_from(staging_.read, left);
      left -= moved.bytes;
      result.bytes += moved.bytes;
      result.would_block = moved.would_block;
      result.failed = moved.failed;
    }
    discard(staging_.read, left);
  }
  return result;
}

Output::Moved Output::move_from(const Fd& pipe, std::size_t most) const {
  for (;;) {
    // The flag is this call's own. It holds for both ends where both are pipes; a file waits for a disk at most.
    const ssize_t moved = ::splice(pipe.get(), nullptr, fd_.get(), nullptr, most, SPLICE_F_NONBLOCK);
    if (moved > 0) {
      return {.bytes = static_cast<std::size_t>(moved)};
    }
    if (moved == 0 || errno == EAGAIN) {
      return {.would_block = true};
    }
    if (errno != EINTR) {
      return {.failed = errno};
    }
  }
}

void Output::widen(std::size_t bytes) const {
  if (can_move_ && !always_writable_) {
    widen_pipe(fd_, bytes);
  }
}

Got read_available(const Fd& fd, std::span<char> into) {
  for (;;) {
    const ssize_t got = ::read(fd.get(), into.data(), into.size());
    if (got > 0) {
      return {static_cast<std::size_t>(got), false, false};
    }
    if (got == 0) {
      return {0, false, true};
    }
    if (errno == EAGAIN) {
      return {0, true, false};
    }
    if (errno != EINTR) {
      return {0, false, true};
    }
  }
}

std::size_t unread_bytes(const Fd& pipe) {
  int bytes = 0;
  return ::ioctl(pipe.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(std::max(bytes, 0)) : 0;
}

}  // namespace jobinit::kernel
