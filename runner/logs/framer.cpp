#include "jobinit/logs/framer.hpp"

#include <algorithm>
#include <cstring>

namespace jobinit::logs {
namespace {

// How long a group waits for one more line. A stack trace is written at once, but by a process that may be throttled.
constexpr std::chrono::seconds kQuiet(1);

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }
bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0xC0U; }

// The length of the line at the front, without its end; that of the input, if there is no end.
std::size_t line_length(std::string_view input) {
  // An empty view may hold a null pointer, which memchr(3) must not get.
  const void* const end = input.empty() ? nullptr : std::memchr(input.data(), '\n', input.size());
  return end == nullptr ? input.size() : static_cast<std::size_t>(static_cast<const char*>(end) - input.data());
}

}  // namespace

Framer::Framer(std::size_t longest, std::shared_ptr<const Pattern> begins)
    // A group as long as may be, its end of line, and a line as long as may be that must be seen first.
    : longest_(longest), begins_(std::move(begins)), buffer_(begins_ ? 2 * longest + 2 : longest) {
  buffer_.touch(1);  // a short line gets through also when there is no memory left
}

Framer::Next Framer::next(std::span<const char> input, const Instant& now, bool last) {
  forget_given();
  const std::string_view text(input.data(), input.size());
  return begins_ ? next_group(text, now, last) : next_line(text, now, last);
}

void Framer::keep(Record& record) {
  if (given_ == 0) {  // lines only, and nothing is held back
    append(record.text);
    given_ = held_;
    record.text = held();
  }
}

void Framer::forget_given() {
  if (given_ == 0) {
    return;
  }
  char* const buffer = buffer_.span().data();
  std::memmove(buffer, buffer + given_, held_ - given_);
  held_ -= given_;
  line_ -= std::min(line_, given_);
  given_ = 0;
}

void Framer::append(std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(buffer_.span().data() + held_, bytes.data(), bytes.size());
    held_ += bytes.size();
  }
}

std::size_t Framer::cut(std::string_view text, char after) const {
  if (continues_character(after)) {
    for (std::size_t back = 1; back <= 3; ++back) {  // a character has at most four bytes
      const char c = text[longest_ - back];
      if (begins_character(c)) {
        return longest_ - back;
      }
      if (!continues_character(c)) {
        break;
      }
    }
  }
  return longest_;
}

Record Framer::next_part(std::string_view text, std::chrono::system_clock::time_point at) {
  if (open_.id == 0) {
    open_ = {.id = ++last_id_};
  }
  ++open_.number;
  return {text, open_, at};
}

Record Framer::whole_or_last_part(std::string_view text, std::chrono::system_clock::time_point at) {
  Record record{text, {}, at};
  if (open_.id != 0) {
    record = next_part(text, at);
    record.part.last = true;
    open_ = {};
  }
  return record;
}

Framer::Next Framer::next_line(std::string_view input, const Instant& now, bool last) {
  const std::size_t length = line_length(input);
  const bool ends = length < input.size();
  const std::size_t room = longest_ - held_;
  if (length > room) {
    if (held_ == 0) {
      const std::size_t size = cut(input, input[longest_]);
      return {size, next_part(input.substr(0, size), now.wall), {}};
    }
    append(input.substr(0, room));
    given_ = cut(held(), input[room]);
    return {room, next_part(held().substr(0, given_), now.wall), {}};
  }
  const std::size_t taken = length + (ends ? 1 : 0);
  if (held_ == 0 && ends) {
    return {taken, whole_or_last_part(input.substr(0, length), now.wall), {}};
  }
  append(input.substr(0, length));
  if (!ends && (!last || held_ == 0)) {
    return {taken, {}, {}};
  }
  given_ = held_;
  return {taken, whole_or_last_part(held(), now.wall), {}};
}

// The group without its last end of line; the unfinished line stays.
Record Framer::end_group() {
  given_ = line_;
  has_lines_ = false;
  return whole_or_last_part(held().substr(0, line_ - 1), group_at_);
}

void Framer::end_line(const Instant& now) {
  append("\n");
  if (!has_lines_) {
    group_at_ = now.wall;
  }
  has_lines_ = true;
  continues_ = false;
  line_ = held_;
  line_at_ = now.monotonic;
}

Framer::Next Framer::next_group(std::string_view input, const Instant& now, bool last) {
  std::size_t taken = 0;
  const bool nothing_came = input.empty();
  for (;;) {
    // What belongs together and is too long.
    if ((undecided() ? line_ - 1 : held_) > longest_) {
      given_ = cut(held(), held()[longest_]);
      if (line_ < given_) {  // in the middle of the unfinished line, whose rest can only belong to it
        line_ = given_;
        has_lines_ = continues_ = false;
      }
      return {taken, next_part(held().substr(0, given_), has_lines_ ? group_at_ : now.wall), {}};
    }
    const std::size_t length = line_length(input);
    const bool ends = length < input.size();
    const std::size_t room = undecided() ? longest_ - (held_ - line_) : longest_ + 1 - held_;
    const std::size_t size = std::min(length, room);
    append(input.substr(0, size));
    const bool complete = ends && size == length;
    input.remove_prefix(size + (complete ? 1 : 0));
    taken += size + (complete ? 1 : 0);
    if (size < length || complete || (last && held_ > line_)) {
      // The line is there, or all of it that is looked at.
      const bool next_group_begins = undecided() && begins(held().substr(line_));
      continues_ = has_lines_ && !next_group_begins;
      if (next_group_begins) {
        const Record record = end_group();
        if (complete) {
          end_line(now);
        }
        return {taken, record, {}};
      }
      if (complete) {
        end_line(now);
      }
      if (complete || size < length || held_ > longest_) {
        continue;
      }
    }
    break;
  }
  if (last && (has_lines_ || held_ > 0)) {
    if (!undecided()) {  // the last line has no end
      line_ = held_ + 1;
    }
    const Record record = whole_or_last_part(held().substr(0, line_ - 1), has_lines_ ? group_at_ : now.wall);
    given_ = line_ = held_;
    has_lines_ = continues_ = false;
    return {taken, record, {}};
  }
  if (has_lines_ && !continues_ && nothing_came && now.monotonic >= line_at_ + kQuiet) {
    return {taken, end_group(), {}};
  }
  return {taken, {}, has_lines_ && !continues_ ? std::optional(line_at_ + kQuiet) : std::nullopt};
}

}  // namespace jobinit::logs
