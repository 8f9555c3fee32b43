// A moment on the wall clock, waited for correctly when the clock is set or the machine sleeps (timerfd_create(2)).
#pragma once

#include <chrono>
#include <optional>

#include "jobinit/kernel/fd.hpp"

namespace jobinit::kernel {

class WallTimer {
 public:
  static Result<WallTimer> open(std::chrono::system_clock::time_point when);

  const Fd& fd() const { return fd_; }  // becomes readable when the moment has come, and when the clock is set
  // After the descriptor became readable: waits anew where the clock was set.
  void acknowledge();
  // Where that moment is on the monotonic clock, as both stand now.
  std::chrono::steady_clock::time_point on_monotonic_clock() const;

 private:
  bool arm();

  Fd fd_;
  std::chrono::system_clock::time_point when_;
};

}  // namespace jobinit::kernel
