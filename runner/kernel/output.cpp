#include "jobinit/kernel/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace jobinit::kernel {

Result<Output> Output::open(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return system_error(errno, fmt::format("file descriptor {}", fd));
  }
  Output output;
  if (S_ISFIFO(status.st_mode)) {
    // A runtime's pipe belongs to root: a job's user may write to it but not open it anew.
    output.fd_ = Fd(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    output.means_ = output.fd_ ? Means::nonblocking : Means::careful;
    output.always_writable_ = false;
  } else if (S_ISSOCK(status.st_mode)) {
    output.means_ = Means::socket;
    output.always_writable_ = false;
  } else if (S_ISCHR(status.st_mode) && ::isatty(fd) == 1) {
    output.means_ = Means::careful;
    output.always_writable_ = false;
  }
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
