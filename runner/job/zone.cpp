#include "jobinit/job/zone.hpp"

#include <cstdlib>
#include <ctime>

#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

using namespace std::chrono;

constexpr std::string_view kFolder = "/usr/share/zoneinfo";
constexpr std::size_t kLongestName = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "+02:00"
std::optional<seconds> fixed_offset(std::string_view name) {
  if (name == "UTC" || name == "Z") {
    return seconds(0);
  }
  if (name.size() != 6 || (name[0] != '+' && name[0] != '-') || name[3] != ':') {
    return std::nullopt;
  }
  const auto two = [&](std::size_t at) { return parse_integer(name.substr(at, 2), 0, 59); };
  const auto whole = two(1);
  const auto part = two(4);
  if (!is_digit(name[1]) || !is_digit(name[4]) || !whole || !part || *whole > 23) {
    return std::nullopt;
  }
  const seconds offset = hours(*whole) + minutes(*part);
  return name[0] == '-' ? -offset : offset;
}

bool is_file_name(std::string_view name) {
  bool after_slash = true;  // no part is empty or starts with a dot
  for (const char c : name) {
    if (c == '/' ? after_slash : !(is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '+')) {
      return false;
    }
    after_slash = c == '/';
  }
  return !after_slash && name.size() <= kLongestName && is_letter(name.front());
}

// The C library has one zone at a time, by the environment (tzset(3)). The job's environment is a copy of its own.
class ZoneInForce {
 public:
  explicit ZoneInForce(const std::string& file) {
    if (const char* before = std::getenv("TZ"); before != nullptr) {
      before_ = before;
    }
    ::setenv("TZ", (":" + file).c_str(), 1);
    ::tzset();
  }
  ZoneInForce(const ZoneInForce&) = delete;
  ZoneInForce& operator=(const ZoneInForce&) = delete;
  ~ZoneInForce() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }

 private:
  std::optional<std::string> before_;
};

}  // namespace

bool is_zone_name(std::string_view name) { return fixed_offset(name) || is_file_name(name); }

Result<Zone> Zone::find(std::string_view name, const kernel::Root& root) {
  Zone zone;
  if (const auto offset = fixed_offset(name)) {
    zone.offset_ = *offset;
    return zone;
  }
  if (!is_file_name(name)) {
    return error("\"{}\" is not a time zone; write it like Europe/Berlin, UTC or +02:00", printable(name));
  }
  zone.file_ = root(fmt::format("{}/{}", kFolder, name));
  const auto content = kernel::read_file(zone.file_);
  if (!content || !content->starts_with("TZif")) {  // RFC 8536
    return error("time zone {} is not in this image ({}); install tzdata, or write the offset, such as +02:00", name,
                 content ? fmt::format("{} is no zone", zone.file_) : content.failure().message);
  }
  return zone;
}

seconds Zone::offset_at(sys_seconds moment) const {
  if (file_.empty()) {
    return offset_;
  }
  const ZoneInForce zone(file_);
  const std::time_t time = moment.time_since_epoch().count();
  std::tm parts{};
  return ::localtime_r(&time, &parts) == nullptr ? seconds(0) : seconds(parts.tm_gmtoff);
}

local_seconds Zone::local(sys_seconds moment) const {
  return local_seconds(moment.time_since_epoch() + offset_at(moment));
}

std::optional<sys_seconds> Zone::moment(local_seconds local) const {
  // No zone changes twice within two days: the offset is the one before or the one after.
  const sys_seconds as_utc(local.time_since_epoch());
  std::optional<sys_seconds> found;
  for (const seconds offset : {offset_at(as_utc - days(1)), offset_at(as_utc + days(1))}) {
    const sys_seconds candidate = as_utc - offset;
    if (offset_at(candidate) == offset && (!found || candidate < *found)) {
      found = candidate;
    }
  }
  return found;
}

}  // namespace jobinit::job
