// Keeps out of a stream what regular expressions match.
#pragma once

#include <memory>

#include "jobinit/kernel/pages.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/pattern.hpp"

namespace jobinit::logs {

// Line by line: a line without an end waits for it, for a second at most; one longer than `longest` bytes is looked at
// in pieces of that size. What the pattern's groups match, or where it has none all that it matches, becomes "***". A
// line in which looking costs too much (many matches in a long line) is masked from there to its end.
class PatternMasker final : public Transform {
 public:
  PatternMasker(std::shared_ptr<const Pattern> pattern, std::size_t longest);
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override;

 private:
  // How much of `text`, complete lines, holds no match: whole lines.
  std::size_t free_lines(std::string_view text) const;
  // Puts what is held, masked, where it is made from.
  void mask_held();

  std::shared_ptr<const Pattern> pattern_;
  std::size_t longest_;
  kernel::Pages line_;  // the line, or piece of one, that is gathered
  std::size_t held_ = 0;
  std::chrono::steady_clock::time_point held_at_;
  kernel::Pages masked_;  // a masked line on its way out
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

// A text of any length, its lines masked in the same way.
std::string mask_pattern(const Pattern& pattern, std::string_view text);

}  // namespace jobinit::logs
