// What happens in a run that is told while it happens, and not only in the report at its end.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace jobinit {

enum class EventKind {
  started,         // the job runs, for the first time in this run
  heartbeat,       // it still does (--heartbeat)
  warning,         // a limit is near (--memory-warn, --warn-before)
  attempt_failed,  // there will be another attempt
  finished,        // the run is over, or never began
};

std::string_view event_name(EventKind kind);
std::optional<EventKind> event_from_name(std::string_view name);
// In the order of the enum.
std::span<const std::string_view> event_names();

// A set of kinds.
class EventSet {
 public:
  constexpr EventSet() = default;
  constexpr EventSet(std::initializer_list<EventKind> kinds) {
    for (const EventKind kind : kinds) {
      add(kind);
    }
  }
  constexpr void add(EventKind kind) { bits_ |= 1U << static_cast<unsigned>(kind); }
  constexpr bool contains(EventKind kind) const { return (bits_ >> static_cast<unsigned>(kind) & 1U) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  bool operator==(const EventSet&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

inline constexpr EventSet kAllEvents{EventKind::started, EventKind::heartbeat, EventKind::warning,
                                     EventKind::attempt_failed, EventKind::finished};

}  // namespace jobinit
