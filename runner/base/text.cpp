#include "jobinit/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace jobinit {
namespace {

using namespace std::chrono_literals;

constexpr double kLongestSeconds = 100.0 * 365.25 * 24 * 3600;
constexpr std::uint64_t kKi = 1024;

struct Unit {
  std::string_view name;
  double factor;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Takes "12" or "1.5" off the front. No sign, no exponent: nobody writes a timeout as 1e3.
std::optional<double> take_number(std::string_view& text) {
  std::size_t length = 0;
  bool dot = false;
  while (length < text.size() && (is_digit(text[length]) || (text[length] == '.' && !dot))) {
    dot = dot || text[length] == '.';
    ++length;
  }
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + length, value);
  if (failure != std::errc() || end != text.data() + length) {
    return std::nullopt;
  }
  text.remove_prefix(length);
  return value;
}

template <std::size_t N>
std::optional<double> take_unit(std::string_view& text, const std::array<Unit, N>& units) {
  std::size_t length = 0;
  while (length < text.size() && !is_digit(text[length]) && text[length] != '.') {
    ++length;
  }
  const std::string_view name = text.substr(0, length);
  for (const Unit& unit : units) {
    if (unit.name == name) {
      text.remove_prefix(length);
      return unit.factor;
    }
  }
  return std::nullopt;
}

// The parts must come in falling order, each at most once, as people write them: "1h30m", never "30m1h".
template <std::size_t N>
std::optional<double> take_parts(std::string_view& text, const std::array<Unit, N>& units, std::string_view stop) {
  double seconds = 0;
  double last = std::numeric_limits<double>::infinity();
  bool any = false;
  while (!text.empty() && stop.find(text.front()) == std::string_view::npos) {
    const std::optional<double> number = take_number(text);
    const std::optional<double> factor = number ? take_unit(text, units) : std::nullopt;
    if (!factor || *factor >= last) {
      return std::nullopt;
    }
    seconds += *number * *factor;
    last = *factor;
    any = true;
  }
  return any || !stop.empty() ? std::optional(seconds) : std::nullopt;
}

constexpr std::array<Unit, 5> kDurationUnits{{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 0.001}}};
constexpr std::array<Unit, 2> kIsoDateUnits{{{"W", 604800}, {"D", 86400}}};
constexpr std::array<Unit, 3> kIsoTimeUnits{{{"H", 3600}, {"M", 60}, {"S", 1}}};

std::optional<double> iso_seconds(std::string_view text) {
  text.remove_prefix(1);  // "P"
  std::string_view date = text.substr(0, text.find('T'));
  const bool has_time = date.size() < text.size();
  std::string_view time = has_time ? text.substr(date.size() + 1) : std::string_view();
  if (text.empty() || (has_time && time.empty())) {
    return std::nullopt;
  }
  double seconds = 0;
  for (auto part : {take_parts(date, kIsoDateUnits, "T"), has_time ? take_parts(time, kIsoTimeUnits, "T") : 0.0}) {
    if (!part) {
      return std::nullopt;
    }
    seconds += *part;
  }
  return date.empty() && time.empty() ? std::optional(seconds) : std::nullopt;
}

std::optional<double> duration_seconds(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  if (text.front() == 'P') {
    return iso_seconds(text);
  }
  std::string_view rest = text;
  if (const auto number = take_number(rest); number && rest.empty()) {
    return number;
  }
  return take_parts(text, kDurationUnits, "");
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);  // two letters swapped are one slip, not two
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const std::optional<double> seconds = duration_seconds(trim(text));
  if (!seconds) {
    return error("\"{}\" is not a duration; write it like 90s, 15m, 1h30m or PT15M", text);
  }
  if (*seconds > kLongestSeconds) {
    return error("\"{}\" is longer than 100 years; 0 means no limit", text);
  }
  return Duration(std::llround(*seconds * 1e9));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 18> units{{{"", 1},
                                               {"b", 1},
                                               {"k", 1024.0},
                                               {"ki", 1024.0},
                                               {"kib", 1024.0},
                                               {"kb", 1e3},
                                               {"m", 1048576.0},
                                               {"mi", 1048576.0},
                                               {"mib", 1048576.0},
                                               {"mb", 1e6},
                                               {"g", 1073741824.0},
                                               {"gi", 1073741824.0},
                                               {"gib", 1073741824.0},
                                               {"gb", 1e9},
                                               {"t", 1099511627776.0},
                                               {"ti", 1099511627776.0},
                                               {"tib", 1099511627776.0},
                                               {"tb", 1e12}}};
  std::string lowered;
  for (const char c : trim(text)) {
    lowered += lower(c);
  }
  std::string_view rest = lowered;
  const std::optional<double> number = take_number(rest);
  const std::optional<double> factor = number ? take_unit(rest, units) : std::nullopt;
  if (!factor || !rest.empty()) {
    return error("\"{}\" is not a size; write it like 65536, 64K, 512M or 1.5Gi", text);
  }
  const double bytes = *number * *factor;
  if (bytes > 1e18) {
    return error("\"{}\" is more memory than any machine has", text);
  }
  return static_cast<std::uint64_t>(bytes);
}

std::optional<std::uint64_t> SizeOrShare::of(std::optional<std::uint64_t> whole) const {
  if (share > 0) {
    return whole ? std::optional(static_cast<std::uint64_t>(static_cast<double>(*whole) * share)) : std::nullopt;
  }
  return bytes > 0 ? std::optional(bytes) : std::nullopt;
}

Result<SizeOrShare> parse_size_or_share(std::string_view text) {
  std::string_view rest = trim(text);
  if (!rest.ends_with('%')) {
    const auto bytes = parse_size(text);
    if (!bytes) {
      return error("\"{}\" is neither a size, like 512M or 1.5Gi, nor a share of the container's limit, like 80%",
                   text);
    }
    return SizeOrShare{*bytes, 0};
  }
  rest.remove_suffix(1);
  const std::optional<double> percent = take_number(rest);
  if (!percent || !rest.empty() || *percent > 100) {
    return error("\"{}\" is not a share of the container's limit; write it like 80%, and at most 100%", text);
  }
  return SizeOrShare{0, *percent / 100};
}

Result<bool> parse_boolean(std::string_view text) {
  std::string lowered;
  for (const char c : trim(text)) {
    lowered += lower(c);
  }
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (lowered == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (lowered == no) {
      return false;
    }
  }
  return error("\"{}\" is neither true nor false", text);
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  const std::string_view digits = trim(text);
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size() || value < low || value > high) {
    return error("\"{}\" is not a whole number from {} to {}", text, low, high);
  }
  return value;
}

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) {
      pieces.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

std::string_view trim(std::string_view text) {
  static constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string human_duration(Duration duration) {
  const double exact = std::chrono::duration<double>(duration).count();
  if (exact < 59.95) {
    return fmt::format("{:.1f}s", exact);
  }
  const auto seconds = std::llround(exact);
  if (seconds < 3600) {
    return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  }
  if (seconds < 86400) {
    return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  }
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string human_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < kKi) {
    return fmt::format("{} B", bytes);
  }
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < names.size()) {
    value /= static_cast<double>(kKi);
    ++unit;
  }
  return value < 9.95 ? fmt::format("{:.1f} {}", value, names[unit]) : fmt::format("{:.0f} {}", value, names[unit]);
}

std::string human_size(const SizeOrShare& size) {
  return size.share > 0 ? fmt::format("{}%", size.share * 100) : human_size(size.bytes);
}

std::string_view nearest(std::string_view mistyped, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(1, mistyped.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (mistyped.size() >= candidate.size() + least) {
      continue;  // the lengths alone are too far apart
    }
    const std::size_t distance = edit_distance(mistyped, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

bool matches(std::string_view text, std::string_view pattern) {
  // Only the last * can need another try, so that no pattern takes longer than both lengths multiplied.
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken_by_star = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      taken_by_star = at;
    } else if (in_pattern < pattern.size() && (pattern[in_pattern] == '?' || pattern[in_pattern] == text[at])) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++taken_by_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return continues(1) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool too_high = first == 0xF4 && at(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

std::string valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    text += length > 0 ? bytes.substr(0, length) : "\xEF\xBF\xBD";
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

std::string mask_url(std::string_view url) {
  const std::size_t scheme = url.find(':');
  if (scheme == std::string_view::npos) {
    return std::string(url);
  }
  // Mistyped URLs are shown too, in the message that refuses them: what stands for http needs no slashes here.
  std::size_t start = scheme + 1;
  if (const std::size_t slashes = url.find("://"); slashes != std::string_view::npos && url.find('@') > slashes) {
    start = slashes + 3;
  } else if (const std::string_view name = url.substr(0, scheme); name.ends_with("http") || name.ends_with("https")) {
    start = std::min(url.find_first_not_of('/', start), url.size());
  } else {
    return std::string(url);
  }
  const std::size_t query_start = std::min(url.find_first_of("?#", start), url.size());
  std::size_t end = std::min(url.find('/', start), query_start);
  // "user:pass/word@host", with a slash that should have been written %2F: what follows the colon is no port.
  const std::string_view authority = url.substr(start, end - start);
  const std::size_t colon = authority.find(':');
  const std::size_t last_at = url.substr(0, query_start).rfind('@');
  if (authority.find_first_of("@[") == std::string_view::npos && colon != std::string_view::npos && last_at >= end &&
      last_at != std::string_view::npos &&
      authority.find_first_not_of("0123456789", colon + 1) != std::string_view::npos) {
    end = std::min(url.find('/', last_at), query_start);
  }
  std::string masked(url.substr(0, start));
  std::string_view host = url.substr(start, end - start);
  // The last @ ends the credentials: a password may hold one, a host name may not (RFC 3986, 3.2).
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    masked += "***@";
    host.remove_prefix(at + 1);
  }
  masked += host;
  const std::string_view rest = url.substr(end);
  const std::size_t query = std::min(rest.find_first_of("?#"), rest.size());
  masked += rest.substr(0, query);
  if (query < rest.size()) {
    masked += rest[query];
    masked += "***";
  }
  return masked;
}

}  // namespace jobinit
