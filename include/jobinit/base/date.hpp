// Calendar dates as people write them in parameters. Pure: what today is, the caller says.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"

namespace jobinit {

using Date = std::chrono::year_month_day;

// "2024-04-01" (ISO 8601), "today", "yesterday", "tomorrow", "-3d", "+2w", "-1m", "-1y" (from today; a day that the
// month does not have becomes its last), "monday" (the last one, today included), "month-start", "month-end",
// "last-month-start", "last-month-end", "next-month-start", "next-month-end". Within the years 1 to 9999.
Result<Date> parse_date(std::string_view text, Date today);

// "2024-04-01".
std::string date_text(Date date);

// What parse_date() reads, as a regular expression (the common part of RE2's and ECMA 262's syntax); which days a month
// has, it does not know.
std::string_view date_pattern();

}  // namespace jobinit
