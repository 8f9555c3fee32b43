#include "jobinit/base/moment.hpp"

#include <charconv>

namespace jobinit {
namespace {

using namespace std::chrono;

constexpr hours kDay{24};

// Takes text apart from the left; anything that does not fit makes it fail for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // A number of exactly so many digits.
  int digits(std::size_t count) {
    int value = 0;
    const bool all =
        rest_.size() >= count && rest_.substr(0, count).find_first_not_of("0123456789") == std::string::npos;
    if (failed_ || !all) {
      failed_ = true;
      return 0;
    }
    std::from_chars(rest_.data(), rest_.data() + count, value);
    rest_.remove_prefix(count);
    return value;
  }
  int digits_up_to(std::size_t count, int most) {
    const int value = digits(count);
    failed_ = failed_ || value > most;
    return value;
  }
  bool take(std::string_view any_of) {
    if (failed_ || rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) {
      return false;
    }
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  void need(std::string_view any_of) { failed_ = !take(any_of); }
  void skip_digits() { rest_.remove_prefix(std::min(rest_.find_first_not_of("0123456789"), rest_.size())); }
  std::string_view rest() const { return rest_; }
  char last() const { return last_; }
  bool failed() const { return failed_; }
  bool done() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = 0;
  bool failed_ = false;
};

milliseconds read_time(Reader& reader) {
  milliseconds time = hours(reader.digits_up_to(2, 23));
  reader.need(":");
  time += minutes(reader.digits_up_to(2, 59));
  if (reader.take(":")) {
    time += seconds(reader.digits_up_to(2, 59));
    if (reader.take(".")) {
      const std::string_view before = reader.rest();
      reader.skip_digits();
      std::string fraction(before.substr(0, std::min<std::size_t>(3, before.size() - reader.rest().size())));
      fraction.resize(3, '0');
      int value = 0;
      std::from_chars(fraction.data(), fraction.data() + fraction.size(), value);
      time += milliseconds(value);
    }
  }
  return time;
}

// How far the zone is ahead of UTC; nullopt where none is named.
std::optional<minutes> read_zone(Reader& reader) {
  if (reader.take("Zz")) {
    return minutes(0);
  }
  if (!reader.take("+-")) {
    return std::nullopt;
  }
  const int sign = reader.last() == '-' ? -1 : 1;
  const hours whole(reader.digits_up_to(2, 23));
  reader.need(":");
  return sign * (whole + minutes(reader.digits_up_to(2, 59)));
}

std::optional<Moment> read_epoch(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  static constexpr std::int64_t most = std::int64_t{1} << 33U;  // the year 2242; beyond it, it was milliseconds
  if (failure != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    return std::nullopt;
  }
  return Moment{sys_time<milliseconds>(seconds(value)), {}};
}

std::optional<Moment> read_time_of_day(std::string_view text) {
  Reader reader(text);
  milliseconds time = read_time(reader);
  time -= read_zone(reader).value_or(minutes(0));
  if (!reader.done()) {
    return std::nullopt;
  }
  return Moment{std::nullopt, (time + kDay * 2) % kDay};
}

std::optional<Moment> read_date_and_time(std::string_view text) {
  Reader reader(text);
  const year the_year(reader.digits(4));
  reader.need("-");
  const month the_month(static_cast<unsigned>(reader.digits(2)));
  reader.need("-");
  const day the_day(static_cast<unsigned>(reader.digits(2)));
  reader.need("Tt ");
  const milliseconds time = read_time(reader);
  const auto zone = read_zone(reader);
  const year_month_day date(the_year, the_month, the_day);
  if (!reader.done() || !zone || !date.ok()) {
    return std::nullopt;
  }
  return Moment{sys_days(date) + time - *zone, {}};
}

}  // namespace

Result<Moment> parse_moment(std::string_view text) {
  const std::string_view trimmed = trim(text);
  const auto moment = trimmed.starts_with('@') ? read_epoch(trimmed.substr(1))
                      : trimmed.find(':') == 2 ? read_time_of_day(trimmed)
                                               : read_date_and_time(trimmed);
  if (!moment) {
    return error(
        "\"{}\" is not a moment such as 2026-11-25T06:00:00Z, 2026-11-25 07:00+01:00, @1764050400, or 06:00 (the next "
        "one, UTC)",
        text);
  }
  return *moment;
}

system_clock::time_point next_occurrence(const Moment& moment, system_clock::time_point now) {
  if (moment.at) {
    return *moment.at;
  }
  const auto midnight = floor<days>(now);
  const system_clock::time_point today = midnight + moment.time_of_day;
  return today > now ? today : today + kDay;
}

}  // namespace jobinit
