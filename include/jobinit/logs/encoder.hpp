// What stands between the bytes of one stream and what is written: filters (masking, stripping) and formats (text,
// json). Pure: no system call, no clock, memory bounded for good at construction. Without one of them a stream is raw.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace jobinit::logs {

// One moment on both clocks, as the caller has read it.
struct Instant {
  std::chrono::system_clock::time_point wall;
  std::chrono::steady_clock::time_point monotonic;
};

// Bytes in, bytes out, in order.
class Transform {
 public:
  // With this much room in `out` a step always gets somewhere: it takes or makes something, unless there is nothing to
  // do. The caller never gives less. What is longer is made in several steps.
  static constexpr std::size_t kLeastRoom = 4096;

  struct Step {
    std::size_t taken = 0;  // of the input, from its front; what is held back inside counts as taken
    std::size_t made = 0;   // of `out`, from its front
    // Something is held back that more input could still change: a line without its end, a record that the next line
    // may continue, what may be the beginning of a secret. If nothing comes until then, step() is called once more,
    // with no input, and gives out what must not wait longer; a time that is not later than `now` has come. nullopt:
    // nothing is held back that waiting would free.
    std::optional<std::chrono::steady_clock::time_point> hold_until;
  };

  Transform() = default;
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;
  virtual ~Transform() = default;

  // Never throws, never allocates. `last`: the input given here is all that there will be; called again, with what was
  // not taken, until all is taken and nothing is made any more. After that, no more calls.
  virtual Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) = 0;
};

// A format.
class Encoder : public Transform {
 public:
  // A line of jobinit's own, without its end, as a record of this format, with its end: how much was made; 0 when it
  // does not fit, and the caller comes again with more room (kLeastRoom always does). What is held back stays held
  // back.
  virtual std::size_t note(std::string_view text, std::span<char> out, const Instant& now) = 0;
};

// What one stream goes through: the filter first (its output is also what the tail keeps), then the format. Either may
// be null.
struct Stages {
  std::unique_ptr<Transform> filter;
  std::unique_ptr<Encoder> format;

  bool raw() const { return filter == nullptr && format == nullptr; }
};

}  // namespace jobinit::logs
