#include "jobinit/base/cause.hpp"

#include <algorithm>
#include <array>

namespace jobinit {
namespace {

constexpr std::array<std::string_view, 14> kNames{
    "success",      "failed",     "signaled", "timeout",  "idle_timeout", "cpu_limit", "watchdog",
    "memory_limit", "oom_killed", "stopped",  "rejected", "not_started",  "internal",  "lost"};
static_assert(kNames.size() == static_cast<std::size_t>(Cause::lost) + 1, "one name a cause");

}  // namespace

std::string_view cause_name(Cause cause) { return kNames.at(static_cast<std::size_t>(cause)); }

std::optional<Cause> cause_from_name(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<Cause>(found - kNames.begin());
}

std::span<const std::string_view> cause_names() { return kNames; }

}  // namespace jobinit
