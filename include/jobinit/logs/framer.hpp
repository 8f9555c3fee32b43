// Cuts a stream into records: lines, or groups of lines that belong together. Pure; memory is bounded by the longest
// record.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "jobinit/kernel/pages.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/pattern.hpp"

namespace jobinit::logs {

// What is longer than the longest record is cut into parts, which share an id.
struct Part {
  std::uint64_t id = 0;      // counts from 1 in its stream; 0: this is a whole record
  std::uint64_t number = 0;  // counts from 1 in its record
  bool last = false;
};

struct Record {
  std::string_view text;  // without its end of line; a group has those between its lines
  Part part;
  std::chrono::system_clock::time_point at;  // when it was complete; of a group, its first line
};

class Framer {
 public:
  // `longest` is in bytes, at least 4. With `begins`, a line that it matches begins a group, and all lines up to the
  // next such line belong to it.
  Framer(std::size_t longest, std::shared_ptr<const Pattern> begins);

  struct Next {
    std::size_t taken = 0;  // of the input
    // Its text is in the input or in the framer, and stays what it is until the next call; see also keep().
    std::optional<Record> record;
    // With no record: when what is held back is given out, if nothing comes until then (see Transform::Step).
    std::optional<std::chrono::steady_clock::time_point> hold_until;
  };
  // The next record of the stream; when there is none, all input has been taken. Which records come out depends on the
  // bytes alone, not on how they were cut into inputs, but for a group that waiting ended. `last`: the stream ends
  // behind this input.
  Next next(std::span<const char> input, const Instant& now, bool last);

  // Takes the text of the record that was given out last over from the input, so that it stays until the next call
  // whatever becomes of the input.
  void keep(Record& record);

 private:
  Next next_line(std::string_view input, const Instant& now, bool last);
  Next next_group(std::string_view input, const Instant& now, bool last);
  void forget_given();
  void append(std::string_view bytes);
  std::string_view held() const { return {buffer_.span().data(), held_}; }
  // Where to cut a text that is too long, so that no character is torn.
  std::size_t cut(std::string_view text, char after) const;
  Record next_part(std::string_view text, std::chrono::system_clock::time_point at);
  Record whole_or_last_part(std::string_view text, std::chrono::system_clock::time_point at);

  // Groups: whether the line that has no end yet may still turn out to begin the next one.
  bool undecided() const { return has_lines_ && !continues_; }
  bool begins(std::string_view line) const { return begins_->matches(line); }
  Record end_group();
  void end_line(const Instant& now);

  std::size_t longest_;
  std::shared_ptr<const Pattern> begins_;
  kernel::Pages buffer_;
  std::size_t held_ = 0;   // bytes in the buffer
  std::size_t given_ = 0;  // of those, from the front: given out, forgotten with the next call
  std::uint64_t last_id_ = 0;
  Part open_;  // the record that is being cut into parts; id 0: none
  // Groups: in the buffer are complete lines with their ends, then the line that has no end yet.
  std::size_t line_ = 0;    // where the latter begins
  bool has_lines_ = false;  // there are complete lines
  bool continues_ = false;  // the line without an end is known to belong to them
  std::chrono::system_clock::time_point group_at_;
  std::chrono::steady_clock::time_point line_at_;  // when the last complete line came
};

}  // namespace jobinit::logs
