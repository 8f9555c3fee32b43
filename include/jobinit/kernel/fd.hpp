// Ownership of file descriptors, and the reads and writes that the rest of jobinit is built from.
#pragma once

#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "jobinit/base/result.hpp"

namespace jobinit::kernel {

// Owns one file descriptor and closes it; movable, empty is -1.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  // The caller owns what is returned and must close it.
  int release() { return std::exchange(number_, -1); }
  void reset();

 private:
  int number_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

// pipe2(2) with O_CLOEXEC; the read end does not block (its open file description is ours alone).
Result<Pipe> make_pipe();

// A file without a name that holds `content`, positioned at its start, close-on-exec (memfd_create(2), Linux 3.17).
Result<Fd> make_memory_file(std::string_view content);

// 0, 1 and 2 are given /dev/null where the caller had closed them, so that no later open() can become the job's stdout.
// Returns a bit for each one that was closed. Call before anything else is opened.
unsigned ensure_standard_fds();

bool is_terminal(int fd);

// Gives 1 and 2 up for good: whoever reads them sees the end. Nothing can be told after that.
void close_outputs();

// Every descriptor from 3 on that is not close-on-exec: what was inherited, while ours all are. Needs /proc.
void close_inherited();

// This process goes to /, and so no longer keeps the folder busy that it was in. Gives the way back, empty where there
// is none.
Fd leave_folder();
// Async-signal-safe.
void enter_folder(int folder);

// True when both are the same open file, as after 2>&1: then one pipe keeps the order between the two.
bool same_file(int a, int b);

// Waits at most this long (rounded up to milliseconds) until one of them has something to read (poll(2)).
void wait_until_readable(std::initializer_list<int> fds, std::chrono::nanoseconds at_most);

// Writes all of it, waiting at most `patience` for a reader that stands still. Never blocks longer, never raises
// SIGPIPE where that is ignored; false when something could not be written. For words of jobinit's own, not for the
// job's log.
bool write_patiently(int fd, std::string_view text, std::chrono::milliseconds patience);

}  // namespace jobinit::kernel
