#include "jobinit/base/event.hpp"

#include <algorithm>
#include <array>

namespace jobinit {
namespace {

constexpr std::array<std::string_view, 5> kNames{"started", "heartbeat", "warning", "attempt_failed", "finished"};
static_assert(kNames.size() == static_cast<std::size_t>(EventKind::finished) + 1, "one name a kind");

}  // namespace

std::string_view event_name(EventKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

std::optional<EventKind> event_from_name(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<EventKind>(found - kNames.begin());
}

std::span<const std::string_view> event_names() { return kNames; }

}  // namespace jobinit
