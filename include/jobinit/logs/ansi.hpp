// Takes a terminal's control sequences (ECMA-48: colours, cursor movements, titles) out of a stream.
#pragma once

#include "jobinit/logs/encoder.hpp"

namespace jobinit::logs {

// Sequences may be cut anywhere by reads. A newline ends every sequence, and stays: one that is never finished takes at
// most the rest of its line away. The 8-bit forms are left alone, since in UTF-8 they are parts of letters.
class AnsiStripper final : public Transform {
 public:
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override;

 private:
  enum class State {
    text,
    escape,        // behind ESC
    intermediate,  // ESC, then what only a final byte ends
    control,       // ESC [
    string,        // ESC ] and others, up to BEL or ESC backslash
    string_escape,
  };
  State after(char c) const;
  State state_ = State::text;
};

}  // namespace jobinit::logs
