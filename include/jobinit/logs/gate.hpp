// What of a stream is let through: so much a second, and what fits. Of the rest whole lines are left out, counted, and
// told in a line of their own in the place where they are missing. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "jobinit/base/log_limits.hpp"
#include "jobinit/logs/encoder.hpp"

namespace jobinit::logs {

class Gate : public Transform {
 public:
  // `capacity` is the room of an empty `out`, as step() gets it. With LogOverflow::drop a step takes everything, and
  // what does not fit is lost; with LogOverflow::block it takes what fits.
  Gate(LogRate rate, LogOverflow overflow, std::size_t capacity)
      : rate_(rate), overflow_(overflow), capacity_(capacity) {}

  // `out` may be of any size. While there is a note() nothing is taken nor made.
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override;
  // A line without its end, to be told before anything else is let through, but after all that was; empty: none.
  std::string_view note() const { return {note_.data(), note_size_}; }
  void told() { note_size_ = 0; }
  // Something is lost that no note() has told of yet.
  bool owes_note() const { return losing_ != Losing::nothing || note_size_ > 0; }

  std::uint64_t dropped() const { return dropped_; }        // bytes that did not fit
  std::uint64_t suppressed() const { return suppressed_; }  // bytes beyond the rate

 private:
  enum class Losing { nothing, for_room, for_rate };

  bool may_begin_line(std::size_t length, std::size_t room, const Instant& now);
  bool is_over(const Instant& now, bool whole_room, bool last) const;
  void open_window(const Instant& now);
  bool over_rate() const;
  void lose(std::span<const char> part);
  void write_note();

  LogRate rate_;
  LogOverflow overflow_;
  std::size_t capacity_;
  Losing losing_ = Losing::nothing;
  bool at_line_start_ = true;  // of the input
  std::uint64_t lost_bytes_ = 0;
  std::uint64_t lost_lines_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t suppressed_ = 0;
  std::chrono::steady_clock::time_point window_;  // its begin: it lasts a second
  std::uint64_t lines_in_window_ = 0;
  std::uint64_t bytes_in_window_ = 0;
  std::array<char, 160> note_{};
  std::size_t note_size_ = 0;
};

}  // namespace jobinit::logs
