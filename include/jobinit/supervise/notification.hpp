// What a job says of itself over $NOTIFY_SOCKET (sd_notify(3)): one datagram of KEY=VALUE lines. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobinit/base/text.hpp"

namespace jobinit::supervise {

struct Notification {
  bool ready = false;                   // READY=1
  bool stopping = false;                // STOPPING=1
  bool alive = false;                   // WATCHDOG=1
  bool trigger = false;                 // WATCHDOG=trigger: as if the watchdog had run out
  bool main_pid = false;                // MAINPID=, which is not for the job to say here
  std::optional<Duration> watchdog{};   // WATCHDOG_USEC=
  std::optional<Duration> extend{};     // EXTEND_TIMEOUT_USEC=
  std::optional<std::string> status{};  // STATUS=, valid UTF-8, at most kMostStatusBytes
};

inline constexpr std::size_t kMostStatusBytes = 1024;

// Lines that are not known, or whose value cannot be read, are passed over, as systemd does.
Notification parse_notification(std::string_view datagram);

}  // namespace jobinit::supervise
