#include "jobinit/base/date.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "jobinit/base/text.hpp"

namespace jobinit {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> kWeekdays{"sunday",   "monday", "tuesday", "wednesday",
                                                    "thursday", "friday", "saturday"};  // as C counts them

std::optional<int> number(std::string_view digits) {
  int value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool all = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return all && failure == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

std::optional<Date> iso(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  const auto the_year = number(text.substr(0, 4));
  const auto the_month = number(text.substr(5, 2));
  const auto the_day = number(text.substr(8, 2));
  if (!the_year || !the_month || !the_day) {
    return std::nullopt;
  }
  return Date(year(*the_year), month(static_cast<unsigned>(*the_month)), day(static_cast<unsigned>(*the_day)));
}

Date last_of(year_month which) { return Date(year_month_day_last(which.year(), month_day_last(which.month()))); }

// The same day of another month, or its last.
Date in_month(Date date, year_month which) {
  const Date same(which.year(), which.month(), date.day());
  return same.ok() ? same : last_of(which);
}

std::optional<Date> relative(std::string_view text, Date today) {
  static constexpr std::size_t longest = 7;  // a sign, five digits, a unit
  if (text.size() < 3 || text.size() > longest || (text.front() != '+' && text.front() != '-')) {
    return std::nullopt;
  }
  const auto count = number(text.substr(1, text.size() - 2));
  if (!count) {
    return std::nullopt;
  }
  const int steps = text.front() == '-' ? -*count : *count;
  const year_month this_month(today.year(), today.month());
  switch (text.back()) {
    case 'd': return Date(sys_days(today) + days(steps));
    case 'w': return Date(sys_days(today) + weeks(steps));
    case 'm': return in_month(today, this_month + months(steps));
    case 'y':
      return steps > 9999 || steps < -9999 ? std::nullopt : std::optional(in_month(today, this_month + years(steps)));
    default: return std::nullopt;
  }
}

std::optional<Date> named(std::string_view text, Date today) {
  const sys_days now(today);
  if (text == "today") {
    return today;
  }
  if (text == "yesterday") {
    return Date(now - days(1));
  }
  if (text == "tomorrow") {
    return Date(now + days(1));
  }
  for (unsigned number = 0; number < kWeekdays.size(); ++number) {
    if (text == kWeekdays[number]) {
      return Date(now - (weekday(now) - weekday(number)));  // 0 to 6 days
    }
  }
  year_month which(today.year(), today.month());
  if (text.starts_with("last-")) {
    which -= months(1);
    text.remove_prefix(5);
  } else if (text.starts_with("next-")) {
    which += months(1);
    text.remove_prefix(5);
  }
  if (text == "month-start") {
    return Date(which.year(), which.month(), day(1));
  }
  return text == "month-end" ? std::optional(last_of(which)) : std::nullopt;
}

}  // namespace

Result<Date> parse_date(std::string_view text, Date today) {
  const std::string_view trimmed = trim(text);
  auto date = iso(trimmed);
  if (!date) {
    date = relative(trimmed, today);
  }
  if (!date) {
    date = named(trimmed, today);
  }
  if (!date || !date->ok() || date->year() < year(1) || date->year() > year(9999)) {
    return error("must be a date such as 2024-04-01, today, yesterday, -3d, monday or last-month-end");
  }
  return *date;
}

std::string date_text(Date date) {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string_view date_pattern() {
  return "[0-9]{4}-[0-9]{2}-[0-9]{2}|today|yesterday|tomorrow|[+-][0-9]{1,5}[dwmy]"
         "|(sun|mon|tues|wednes|thurs|fri|satur)day|(last-|next-)?month-(start|end)";
}

}  // namespace jobinit
