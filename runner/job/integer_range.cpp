#include "jobinit/job/integer_range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "jobinit/base/text.hpp"

namespace jobinit::job {

std::optional<IntegerRange> parse_range(std::string_view text) {
  const std::string_view whole = trim(text);
  const std::size_t points = whole.find("..");
  const std::size_t middle = points != std::string_view::npos ? points : whole.find('-', 1);
  if (whole.empty() || middle == std::string_view::npos) {
    return std::nullopt;
  }
  const auto read = [](std::string_view part) {
    return parse_integer(part, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  };
  const auto first = read(whole.substr(0, middle));
  const auto last = read(whole.substr(middle + (points != std::string_view::npos ? 2 : 1)));
  if (!first || !last || *first > *last) {
    return std::nullopt;
  }
  return IntegerRange{*first, *last};
}

std::string range_text(const IntegerRange& range) {
  return fmt::format("{}{}{}", range.first, range.first < 0 || range.last < 0 ? ".." : "-", range.last);
}

Share share_of(std::uint64_t size, std::uint64_t index, std::uint64_t count) {
  const std::uint64_t each = size / count;
  const std::uint64_t longer = size % count;  // so many have one more
  return {each * index + std::min(index, longer), each + (index < longer ? 1 : 0)};
}

std::optional<IntegerRange> part_of(const IntegerRange& range, std::uint64_t index, std::uint64_t count) {
  // All 2^64 numbers are one more than can be counted: the last of them is then counted by itself.
  const std::uint64_t span = static_cast<std::uint64_t>(range.last) - static_cast<std::uint64_t>(range.first);
  const bool everything = span == std::numeric_limits<std::uint64_t>::max();
  if (everything && count == 1) {
    return range;
  }
  Share share = share_of(everything ? span : span + 1, index, count);
  share.size += everything && index + 1 == count ? 1 : 0;
  if (share.size == 0) {
    return std::nullopt;
  }
  const std::uint64_t first = static_cast<std::uint64_t>(range.first) + share.first;
  return IntegerRange{static_cast<std::int64_t>(first), static_cast<std::int64_t>(first + (share.size - 1))};
}

}  // namespace jobinit::job
