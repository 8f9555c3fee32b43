#include "jobinit/logs/pattern_masker.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "jobinit/logs/secrets.hpp"

namespace jobinit::logs {
namespace {

constexpr std::chrono::seconds kQuiet(1);
// Each search may read the line to its end and find something right at its beginning, so that many matches in a long
// line would cost its length squared. This many bytes are read for one line, which takes some 0.1 s.
constexpr std::size_t kMostRead = 16 << 20;

// Where the line is masked: found(range) in order, what lies within another or touches it included. What cannot be
// looked at is masked.
template <typename Found>
void each_match(const Pattern& pattern, std::string_view line, Found found) {
  std::size_t from = 0;
  std::size_t read = 0;
  try {
    while (from < line.size() && read <= kMostRead) {
      read += line.size() - from;
      const Pattern::Found match = pattern.find(line, from);
      if (match.parts.empty()) {
        return;
      }
      std::for_each(match.parts.begin(), match.parts.end(), found);
      from = match.all.end;
    }
  } catch (const std::bad_alloc&) {  // below, the same as where it would cost too much
  }
  if (from < line.size()) {
    found({from, line.size()});
  }
}

// Calls put(text) for the pieces of the masked line, in order.
template <typename Put>
void mask_line(const Pattern& pattern, std::string_view line, Put put) {
  std::size_t done = 0;
  bool after_mask = false;
  each_match(pattern, line, [&](const Range& range) {
    if (range.begin > done || !after_mask) {
      const std::size_t begin = std::max(range.begin, done);
      put(line.substr(done, begin - done));
      put(kMask);
      after_mask = true;
    }
    done = std::max(done, range.end);
  });
  put(line.substr(done));
}

const char* last_newline(std::string_view text) {
  const std::size_t at = text.rfind('\n');
  return at == std::string_view::npos ? nullptr : text.data() + at;
}

}  // namespace

// A mask is longer than a match of one byte, but two matches have a byte between them.
PatternMasker::PatternMasker(std::shared_ptr<const Pattern> pattern, std::size_t longest)
    : pattern_(std::move(pattern)), longest_(longest), line_(longest + 1), masked_(2 * longest + 8) {}

std::size_t PatternMasker::free_lines(std::string_view text) const {
  try {
    const Pattern::Found found = pattern_->find(text, 0);
    if (found.parts.empty()) {
      return text.size();
    }
    const std::size_t line = text.rfind('\n', found.all.begin);
    return line == std::string_view::npos ? 0 : line + 1;
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

void PatternMasker::mask_held() {
  from_ = to_ = 0;
  const auto put = [&](std::string_view text) {
    if (!text.empty()) {
      std::memcpy(masked_.span().data() + to_, text.data(), text.size());
      to_ += text.size();
    }
  };
  std::string_view line(line_.span().data(), held_);
  const bool ends = line.ends_with('\n');
  line.remove_suffix(ends ? 1 : 0);
  mask_line(*pattern_, line, put);
  put(ends ? "\n" : "");
  held_ = 0;
}

Transform::Step PatternMasker::step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) {
  Step step;
  for (;;) {
    const std::size_t ready = std::min(to_ - from_, out.size() - step.made);
    std::copy_n(masked_.span().data() + from_, ready, out.data() + step.made);
    from_ += ready;
    step.made += ready;
    if (from_ != to_) {
      step.hold_until = now.monotonic;  // it goes on as soon as there is room
      return step;
    }
    const std::string_view rest(input.data() + step.taken, input.size() - step.taken);
    if (rest.empty()) {
      const bool waited = input.empty() && now.monotonic >= held_at_ + kQuiet;
      if (held_ == 0 || (!last && !waited)) {
        step.hold_until = held_ > 0 ? std::optional(held_at_ + kQuiet) : std::nullopt;
        return step;
      }
      mask_held();
      continue;
    }
    if (held_ == 0) {
      const std::string_view fitting = rest.substr(0, out.size() - step.made);
      if (const char* const end = last_newline(fitting); end != nullptr) {
        const std::string_view lines = fitting.substr(0, static_cast<std::size_t>(end - fitting.data()) + 1);
        if (const std::size_t clean = free_lines(lines); clean > 0) {
          std::memcpy(out.data() + step.made, lines.data(), clean);
          step.made += clean;
          step.taken += clean;
          continue;
        }
      }
    }
    const std::size_t newline = rest.find('\n');
    const std::size_t length = std::min(newline, rest.size());
    const std::size_t size = std::min(length, longest_ - held_);
    std::memcpy(line_.span().data() + held_, rest.data(), size);
    held_ += size;
    step.taken += size;
    held_at_ = now.monotonic;
    if (size == length && newline != std::string_view::npos) {
      line_.span()[held_++] = '\n';
      ++step.taken;
      mask_held();
    } else if (size < length) {
      mask_held();
    }
  }
}

std::string mask_pattern(const Pattern& pattern, std::string_view text) {
  std::string masked;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    mask_line(pattern, text.substr(0, length), [&](std::string_view part) { masked += part; });
    const std::size_t end = std::min(length + 1, text.size());
    masked += text.substr(length, end - length);
    text.remove_prefix(end);
  }
  return masked;
}

}  // namespace jobinit::logs
