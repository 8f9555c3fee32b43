#include "jobinit/supervise/notification.hpp"

#include <charconv>

namespace jobinit::supervise {
namespace {

std::optional<Duration> microseconds(std::string_view text) {
  // As long as any setting may be; beyond it the sum with a clock could overflow.
  static constexpr std::uint64_t most = std::uint64_t{100} * 365 * 24 * 3600 * 1'000'000;
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value > most) {
    return std::nullopt;
  }
  return std::chrono::microseconds(value);
}

}  // namespace

Notification parse_notification(std::string_view datagram) {
  Notification said;
  for (const std::string& line : split(datagram, "\n")) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      continue;
    }
    const std::string_view key = std::string_view(line).substr(0, equals);
    const std::string_view value = std::string_view(line).substr(equals + 1);
    if (key == "READY") {
      said.ready = said.ready || value == "1";
    } else if (key == "STOPPING") {
      said.stopping = said.stopping || value == "1";
    } else if (key == "WATCHDOG") {
      said.alive = said.alive || value == "1";
      said.trigger = said.trigger || value == "trigger";
    } else if (key == "MAINPID") {
      said.main_pid = true;
    } else if (key == "WATCHDOG_USEC") {
      said.watchdog = microseconds(value);
    } else if (key == "EXTEND_TIMEOUT_USEC") {
      said.extend = microseconds(value);
    } else if (key == "STATUS") {
      said.status = valid_utf8(value.substr(0, kMostStatusBytes));
    }
  }
  return said;
}

}  // namespace jobinit::supervise
