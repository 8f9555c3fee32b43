#include "jobinit/logs/gate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace jobinit::logs {
namespace {

constexpr std::chrono::seconds kWindow{1};
// A line that has begun is let through to its end, unless it is a stream without line ends.
constexpr std::uint64_t kLongLine = 65536;

}  // namespace

Transform::Step Gate::step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) {
  Step step;
  while (note_size_ == 0) {
    const std::span<const char> rest = input.subspan(step.taken);
    const std::size_t room = out.size() - step.made;
    const bool at_end = last && rest.empty();
    if (losing_ != Losing::nothing && (at_line_start_ || at_end) && is_over(now, room == capacity_, at_end)) {
      write_note();
      break;
    }
    if (rest.empty()) {
      break;
    }
    const auto* const end = static_cast<const char*>(std::memchr(rest.data(), '\n', rest.size()));
    const std::size_t length = end == nullptr ? rest.size() : static_cast<std::size_t>(end - rest.data()) + 1;
    const std::span<const char> part = rest.first(length);
    if (losing_ == Losing::nothing && at_line_start_ && !may_begin_line(length, room, now)) {
      continue;  // it is losing now
    }
    if (losing_ != Losing::nothing) {
      lose(part);
      step.taken += length;
      at_line_start_ = end != nullptr;
      continue;
    }
    // One byte is kept for the end of a line that is cut short.
    const std::size_t usable = overflow_ == LogOverflow::drop ? room - std::min<std::size_t>(room, 1) : room;
    std::size_t passed = std::min(length, usable);
    const bool endless = rate_.bytes > 0 && !at_line_start_ && bytes_in_window_ >= rate_.bytes + kLongLine;
    if (endless) {
      passed = 0;
    }
    std::copy_n(part.begin(), passed, out.begin() + static_cast<std::ptrdiff_t>(step.made));
    step.made += passed;
    step.taken += passed;
    bytes_in_window_ += passed;
    at_line_start_ = passed > 0 ? part[passed - 1] == '\n' : at_line_start_;
    if (passed == length) {
      continue;
    }
    if (overflow_ == LogOverflow::block && !endless) {
      break;
    }
    if (endless && room == 0) {
      break;
    }
    losing_ = endless ? Losing::for_rate : Losing::for_room;
    if (room > passed) {
      out[step.made++] = '\n';
    }
  }
  if (losing_ == Losing::for_rate && note_size_ == 0) {
    step.hold_until = window_ + kWindow;
  }
  return step;
}

// Otherwise it begins to lose.
bool Gate::may_begin_line(std::size_t length, std::size_t room, const Instant& now) {
  if (now.monotonic - window_ >= kWindow) {
    open_window(now);
  }
  if (over_rate()) {
    losing_ = Losing::for_rate;
    return false;
  }
  // What does not even fit into an empty room is cut.
  if (overflow_ == LogOverflow::drop && length >= room && room < capacity_) {
    losing_ = Losing::for_room;
    return false;
  }
  ++lines_in_window_;
  return true;
}

// The reader is back when it has taken all that there was. Where a line was lost and none has come since, the end of
// the stream is the last chance to tell.
bool Gate::is_over(const Instant& now, bool whole_room, bool last) const {
  if (losing_ == Losing::for_room) {
    return whole_room;
  }
  return last || now.monotonic - window_ >= kWindow;
}

void Gate::open_window(const Instant& now) {
  window_ = now.monotonic;
  lines_in_window_ = 0;
  bytes_in_window_ = 0;
}

bool Gate::over_rate() const {
  return (rate_.lines > 0 && lines_in_window_ >= rate_.lines) || (rate_.bytes > 0 && bytes_in_window_ >= rate_.bytes);
}

void Gate::lose(std::span<const char> part) {
  (losing_ == Losing::for_room ? dropped_ : suppressed_) += part.size();
  lost_bytes_ += part.size();
  lost_lines_ += part.back() == '\n' ? 1U : 0U;
}

void Gate::write_note() {
  const char* const how = losing_ == Losing::for_room ? "dropped" : "suppressed";
  const auto end = fmt::format_to_n(note_.begin(), note_.size(), "jobinit: {} bytes ({} lines) of output {}",
                                    lost_bytes_, lost_lines_, how);
  note_size_ = std::min<std::size_t>(end.size, note_.size());
  losing_ = Losing::nothing;
  lost_bytes_ = 0;
  lost_lines_ = 0;
}

}  // namespace jobinit::logs
