#include "jobinit/job/datetime.hpp"

#include "jobinit/base/date.hpp"
#include "jobinit/base/moment.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

using namespace std::chrono;

constexpr std::string_view kForms = "must be a moment such as 2024-04-01T06:00:00Z, 2024-04-01 06:00+02:00 or now-3h";

std::optional<Instant> relative(std::string_view text, Instant now) {
  if (!text.starts_with("now")) {
    return std::nullopt;
  }
  text.remove_prefix(3);
  if (text.empty()) {
    return now;
  }
  const auto step = parse_duration(text.substr(1));
  if ((text.front() != '+' && text.front() != '-') || !step) {
    return std::nullopt;
  }
  const auto by = duration_cast<milliseconds>(*step);
  return text.front() == '+' ? now + by : now - by;
}

}  // namespace

Result<Instant> parse_datetime(std::string_view text, Instant now, const Zone& zone) {
  const std::string_view trimmed = trim(text);
  if (const auto moment = relative(trimmed, now)) {
    return *moment;
  }
  if (const auto moment = parse_moment(trimmed); moment && moment->at) {
    return *moment->at;
  }
  const auto local = parse_moment(fmt::format("{}Z", trimmed));
  if (!local || !local->at || trimmed.starts_with('@')) {
    return error("{}", kForms);
  }
  const auto whole = floor<seconds>(*local->at);
  const auto moment = zone.moment(local_seconds(whole.time_since_epoch()));
  if (!moment) {
    return error("must be a moment that there is: the clocks of its time zone skip it");
  }
  return *moment + (*local->at - whole);
}

std::string datetime_text(Instant moment, const Zone& zone) {
  const auto whole = floor<seconds>(moment);
  const auto fraction = (moment - whole).count();
  const seconds offset = zone.offset_at(whole);
  const local_seconds local = zone.local(whole);
  const auto midnight = floor<days>(local);
  const hh_mm_ss time(local - midnight);
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", date_text(Date(sys_days(midnight.time_since_epoch()))),
                                 time.hours().count(), time.minutes().count(), time.seconds().count());
  if (fraction != 0) {
    text += fmt::format(".{:03}", fraction);
  }
  if (offset == seconds(0)) {
    return text + 'Z';
  }
  const auto minutes_ahead = duration_cast<minutes>(abs(offset)).count();
  return text + fmt::format("{}{:02}:{:02}", offset < seconds(0) ? '-' : '+', minutes_ahead / 60, minutes_ahead % 60);
}

bool is_datetime(std::string_view text) { return static_cast<bool>(parse_datetime(text, Instant(), Zone())); }

std::string_view datetime_pattern() {
  return "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]*)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
         "|@[0-9]{1,10}|now([+-].+)?";
}

std::string_view duration_pattern() {
  // Each N is ([0-9]+\.?[0-9]*|\.[0-9]+).
  return "^[ \\t\\r\\n]*(([0-9]+\\.?[0-9]*|\\.[0-9]+)"
         "|(?=[0-9.])(([0-9]+\\.?[0-9]*|\\.[0-9]+)d)?(([0-9]+\\.?[0-9]*|\\.[0-9]+)h)?(([0-9]+\\.?[0-9]*|\\.[0-9]+)m)?"
         "(([0-9]+\\.?[0-9]*|\\.[0-9]+)s)?(([0-9]+\\.?[0-9]*|\\.[0-9]+)ms)?"
         "|P(?=[0-9.T])(([0-9]+\\.?[0-9]*|\\.[0-9]+)W)?(([0-9]+\\.?[0-9]*|\\.[0-9]+)D)?"
         "(T(?=[0-9.])(([0-9]+\\.?[0-9]*|\\.[0-9]+)H)?(([0-9]+\\.?[0-9]*|\\.[0-9]+)M)?"
         "(([0-9]+\\.?[0-9]*|\\.[0-9]+)S)?)?)[ \\t\\r\\n]*$";
}

std::string_view size_pattern() {
  return "^[ \\t\\r\\n]*([0-9]+\\.?[0-9]*|\\.[0-9]+)([bB]|[kKmMgGtT]([iI][bB]?|[bB])?)?[ \\t\\r\\n]*$";
}

}  // namespace jobinit::job
