// A moment on the wall clock as people and schedulers write it. Pure: what "now" is, the caller says.
#pragma once

#include <optional>
#include <string_view>

#include "jobinit/base/text.hpp"

namespace jobinit {

// Either a date with a time, or a time of day, whose next occurrence is meant.
struct Moment {
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> at;
  std::chrono::milliseconds time_of_day{};  // in UTC, within a day; only without `at`
  bool operator==(const Moment&) const = default;
};

// "2026-11-25T06:00:00Z", "2026-11-25 06:00+01:00" (RFC 3339, seconds may be left out), "@1764050400" (seconds since
// the epoch), "06:00", "06:00:30+09:00" (a time of day, UTC where no zone is given).
Result<Moment> parse_moment(std::string_view text);

// For a time of day: the first one after `now`.
std::chrono::system_clock::time_point next_occurrence(const Moment& moment, std::chrono::system_clock::time_point now);

}  // namespace jobinit
