// Ranges of whole numbers, and even parts of them and of lists. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace jobinit::job {

// Both ends belong to it.
struct IntegerRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool operator==(const IntegerRange&) const = default;
};

// "1-1000", "1..1000", "-5..5"; nullopt: not one, or the first is above the last.
std::optional<IntegerRange> parse_range(std::string_view text);
// "1-1000", with two points where a sign would be misread.
std::string range_text(const IntegerRange& range);

// Which of `size` things are those of task `index` of `count`: the first, and how many. Sizes differ by at most one,
// the larger ones come first, and all tasks together have each thing once.
struct Share {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
  bool operator==(const Share&) const = default;
};
Share share_of(std::uint64_t size, std::uint64_t index, std::uint64_t count);
// nullopt: nothing is left for this one.
std::optional<IntegerRange> part_of(const IntegerRange& range, std::uint64_t index, std::uint64_t count);

}  // namespace jobinit::job
