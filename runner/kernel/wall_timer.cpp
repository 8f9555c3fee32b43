#include "jobinit/kernel/wall_timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace jobinit::kernel {

Result<WallTimer> WallTimer::open(std::chrono::system_clock::time_point when) {
  WallTimer timer;
  timer.when_ = when;
  timer.fd_ = Fd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer.fd_ || !timer.arm()) {
    return system_error(errno, "waiting for the deadline (timerfd)");
  }
  return timer;
}

bool WallTimer::arm() {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(when_.time_since_epoch());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since);
  itimerspec at{};
  at.it_value.tv_sec = whole.count();
  at.it_value.tv_nsec = (since - whole).count();
  return ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, nullptr) == 0;
}

void WallTimer::acknowledge() {
  std::uint64_t expirations = 0;
  if (::read(fd_.get(), &expirations, sizeof(expirations)) < 0 && errno == ECANCELED) {
    arm();
  }
}

std::chrono::steady_clock::time_point WallTimer::on_monotonic_clock() const {
  const auto left = when_ - std::chrono::system_clock::now();
  return std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(left);
}

}  // namespace jobinit::kernel
