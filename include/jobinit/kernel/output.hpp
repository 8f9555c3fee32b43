// A file descriptor that is written to without ever blocking on whoever reads it.
#pragma once

#include <cstddef>
#include <span>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

// O_NONBLOCK belongs to the open file description, which a shell, a container runtime or a sibling may share with us,
// so it must not simply be set on an inherited descriptor. How it is done instead depends on what the descriptor is.
class Output {
 public:
  // Keeps its own duplicate of `fd`.
  static Result<Output> open(int fd);

  struct Written {
    std::size_t bytes = 0;
    bool would_block = false;
    int failed = 0;  // errno; EPIPE when nobody reads any more
  };
  // As much as fits now.
  Written write(std::span<const char> bytes) const;

  struct Moved {
    std::size_t bytes = 0;
    bool would_block = false;  // no room now, or nothing in the pipe
    int failed = 0;            // errno; nothing was moved. Not between these two, not by this kernel or sandbox, or the
                               // output fails: write() is the way, or tells why there is none
  };
  // Up to `most` bytes from a pipe of ours, which nobody else reads, without copying them (splice(2)). Their number may
  // be less than what there is and what would fit.
  Moved move_from(const Fd& pipe, std::size_t most) const;
  // Whether that is worth trying.
  bool can_move() const { return can_move_; }

  // A pipe is made to hold this much where it holds less and the user may (pipe(7)); else nothing happens.
  void widen(std::size_t bytes) const;

  // Becomes *readable* when the output is writable; -1 when that is always so (regular files, /dev/null). An epoll
  // descriptor of our own: an event loop makes what it watches non-blocking, and the output's description is not ours.
  int pollable() const { return always_writable_ ? -1 : ready_.get(); }

 private:
  enum class Means {
    plain,        // a regular file or a device: write(2) waits for a disk at most
    nonblocking,  // reopened by /proc/self/fd/N: an open file description of our own
    socket,       // MSG_DONTWAIT
    staged,       // into a pipe of our own, and from there by splice(2), which can be told not to wait
    careful,      // poll(2) first, then at most PIPE_BUF bytes, which fit if nobody else has written since
  };
  bool reopen(int fd, int more_flags);
  void choose_means(int fd, unsigned mode, unsigned long device);
  Written write_staged(std::span<const char> bytes) const;

  Fd fd_;
  Fd ready_;
  Pipe staging_;
  bool can_move_ = false;
  Means means_ = Means::plain;
  bool always_writable_ = true;
};

// Reads what is there: the count, 0 at the end of file; would_block when there is nothing now.
struct Got {
  std::size_t bytes = 0;
  bool would_block = false;
  bool end = false;
};
Got read_available(const Fd& fd, std::span<char> into);

// How many bytes a reader could read from the pipe now (ioctl FIONREAD).
std::size_t unread_bytes(const Fd& pipe);

}  // namespace jobinit::kernel
