// Texts that people write in settings and read in messages: durations, sizes, booleans, lists, nearest names. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/result.hpp"

namespace jobinit {

using Duration = std::chrono::nanoseconds;

// "90s", "1h30m", "1.5s", "250ms", "2d", ISO 8601 "PT15M" and "P1DT12H", or a bare number of seconds as timeout(1)
// takes it. At most 100 years, so that adding one to a clock cannot overflow. Errors name the text and the accepted
// forms.
Result<Duration> parse_duration(std::string_view text);

// "512M", "1.5Gi", "64k", "1GB", a bare number of bytes. K, M, G, T and Ki, Mi, Gi, Ti are powers of 1024 as docker and
// the JVM read them; KB, MB, GB, TB are powers of 1000.
Result<std::uint64_t> parse_size(std::string_view text);

// A size, or a part of another one that is known later; the default is none.
struct SizeOrShare {
  std::uint64_t bytes = 0;
  double share = 0;  // above 0 and at most 1, in the stead of `bytes`
  bool operator==(const SizeOrShare&) const = default;
  bool none() const { return bytes == 0 && share == 0; }
  // In bytes; nullopt where it is none, or a share of what is not known.
  std::optional<std::uint64_t> of(std::optional<std::uint64_t> whole) const;
};

// "512M" as parse_size() takes it, or "80%".
Result<SizeOrShare> parse_size_or_share(std::string_view text);
// "512 MiB", "80%".
std::string human_size(const SizeOrShare& size);

// true/false, yes/no, on/off, 1/0, in any case.
Result<bool> parse_boolean(std::string_view text);

// A whole decimal integer within [low, high].
Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high);

// Splits at any of `separators`; empty pieces are left out.
std::vector<std::string> split(std::string_view text, std::string_view separators);

std::string_view trim(std::string_view text);

// For people: "0.4s", "12.0s", "12m04s", "3h02m", "2d03h".
std::string human_duration(Duration duration);

// For people, powers of 1024: "512 B", "41 MiB", "1.5 GiB".
std::string human_size(std::uint64_t bytes);

// The candidate that is nearest to a mistyped name (edit distance with transpositions, at most a third of its length);
// empty when none is near enough to be a help.
std::string_view nearest(std::string_view mistyped, std::span<const std::string_view> candidates);

// Whether a text fits a pattern in which * stands for any letters, also none, and ? for one.
bool matches(std::string_view text, std::string_view pattern);

// The length of the well-formed UTF-8 sequence at the front of `bytes`, 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view bytes);

// The bytes as valid UTF-8: every byte that is not part of a well-formed sequence becomes U+FFFD (Unicode 15, 3.9).
std::string valid_utf8(std::string_view bytes);

// Without what a URL may carry of credentials: "https://***@host/path?***".
std::string mask_url(std::string_view url);

}  // namespace jobinit
