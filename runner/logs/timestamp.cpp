#include "timestamp.hpp"

namespace jobinit::logs {
namespace {

void write_number(unsigned value, std::size_t digits, char* to) {
  for (std::size_t i = digits; i > 0; --i) {
    to[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::size_t write_timestamp(std::chrono::system_clock::time_point when, LogTime precision,
                            std::span<char, kLongestTimestamp> into) {
  using namespace std::chrono;
  if (precision == LogTime::none) {
    return 0;
  }
  const auto day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<microseconds>(when - day));
  char* const to = into.data();
  write_number(static_cast<unsigned>(static_cast<int>(date.year())) % 10000, 4, to);
  to[4] = '-';
  write_number(static_cast<unsigned>(date.month()), 2, to + 5);
  to[7] = '-';
  write_number(static_cast<unsigned>(date.day()), 2, to + 8);
  to[10] = 'T';
  write_number(static_cast<unsigned>(time.hours().count()), 2, to + 11);
  to[13] = ':';
  write_number(static_cast<unsigned>(time.minutes().count()), 2, to + 14);
  to[16] = ':';
  write_number(static_cast<unsigned>(time.seconds().count()), 2, to + 17);
  std::size_t size = 19;
  if (precision != LogTime::seconds) {
    const auto micro = static_cast<unsigned>(time.subseconds().count());
    const bool whole = precision == LogTime::microseconds;
    to[size++] = '.';
    write_number(whole ? micro : micro / 1000, whole ? 6 : 3, to + size);
    size += whole ? 6 : 3;
  }
  to[size++] = 'Z';
  return size;
}

}  // namespace jobinit::logs
