#include "jobinit/logs/ansi.hpp"

#include <algorithm>
#include <cstring>

namespace jobinit::logs {
namespace {

constexpr char kEscape = '\x1B';
constexpr char kBell = '\x07';
constexpr char kCancel = '\x18';      // ends a sequence at once (ECMA-48, 8.3.6)
constexpr char kSubstitute = '\x1A';  // the same

bool within(char c, char low, char high) { return c >= low && c <= high; }

}  // namespace

// Where a sequence is behind `c`; State::text: it is over.
AnsiStripper::State AnsiStripper::after(char c) const {
  if (c == kCancel || c == kSubstitute) {
    return State::text;
  }
  if (state_ == State::string || state_ == State::string_escape) {
    if (c == kBell || (state_ == State::string_escape && c == '\\')) {
      return State::text;
    }
    return c == kEscape ? State::string_escape : State::string;
  }
  if (c == kEscape) {
    return State::escape;
  }
  if (state_ == State::control) {  // parameters and intermediates, then one final byte (ECMA-48, 5.4)
    return within(c, ' ', '?') ? State::control : State::text;
  }
  if (state_ == State::escape && c == '[') {
    return State::control;
  }
  if (state_ == State::escape && std::strchr("]P_^X", c) != nullptr && c != '\0') {
    return State::string;
  }
  return within(c, ' ', '/') ? State::intermediate : State::text;
}

Transform::Step AnsiStripper::step(std::span<const char> input, std::span<char> out, const Instant& /*now*/,
                                   bool /*last*/) {
  Step step;
  while (step.taken < input.size()) {
    if (state_ == State::text) {
      const std::span<const char> rest = input.subspan(step.taken);
      const std::size_t most = std::min(rest.size(), out.size() - step.made);
      const void* const escape = most == 0 ? nullptr : std::memchr(rest.data(), kEscape, most);
      const std::size_t size =
          escape == nullptr ? most : static_cast<std::size_t>(static_cast<const char*>(escape) - rest.data());
      if (size > 0) {
        std::memcpy(out.data() + step.made, rest.data(), size);
      }
      step.taken += size;
      step.made += size;
      if (escape == nullptr) {
        break;
      }
      ++step.taken;
      state_ = State::escape;
      continue;
    }
    const char c = input[step.taken];
    if (c == '\n') {
      state_ = State::text;  // which copies it
      continue;
    }
    ++step.taken;
    state_ = after(c);
  }
  return step;
}

}  // namespace jobinit::logs
