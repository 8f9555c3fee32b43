#include "jobinit/job/parameter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "jobinit/base/date.hpp"
#include "jobinit/base/pattern.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/job/datetime.hpp"
#include "jobinit/job/integer_range.hpp"
#include "jobinit/job/url.hpp"
#include "jobinit/job/value_schema.hpp"
#include "jobinit/job/zone.hpp"
#include "jobinit/kernel/paths.hpp"

namespace jobinit::job {
namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

// In the order of the enum.
constexpr std::array<std::string_view, 14> kTypeNames{"string", "integer",  "number",   "boolean", "enum",
                                                      "date",   "datetime", "duration", "size",    "path",
                                                      "url",    "json",     "list",     "range"};

Value of(std::string text) { return {std::move(text), {}}; }

// "from 1 to 10", "at least 1", "at most 10", "".
std::string bounds(const Parameter& parameter) {
  if (parameter.min && parameter.max) {
    return fmt::format(" from {} to {}", *parameter.min, *parameter.max);
  }
  return parameter.min   ? fmt::format(" of at least {}", *parameter.min)
         : parameter.max ? fmt::format(" of at most {}", *parameter.max)
                         : "";
}

// Whether `value` is within the bounds, which `read` takes apart; a bound that is none (a date of a zone that the image
// does not have) bounds nothing: it is told by itself.
template <typename T, typename Read>
bool within(const Parameter& parameter, const T& value, Read read) {
  if (parameter.min) {
    const auto least = read(*parameter.min);
    if (least && value < *least) {
      return false;
    }
  }
  if (parameter.max) {
    const auto most = read(*parameter.max);
    if (most && value > *most) {
      return false;
    }
  }
  return true;
}

Result<double> parse_number(std::string_view text) {
  double value = 0;
  const std::string_view digits = trim(text);
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
    return error("must be a number");
  }
  return value;
}

// A bound out of JSON, where a whole number may have been written as 1.0.
Result<std::int64_t> whole_bound(const std::string& text) {
  if (const auto whole = parse_integer(text, kLowest, kHighest)) {
    return *whole;
  }
  const auto number = parse_number(text);
  return number ? Result<std::int64_t>(static_cast<std::int64_t>(*number)) : number.failure();
}

Result<Value> read_string(const Parameter& parameter, std::string_view text) {
  if (valid_utf8(text) != text) {
    return error("must be UTF-8");
  }
  const std::size_t length = characters(text);
  if (length < parameter.min_length || (parameter.max_length && length > *parameter.max_length)) {
    return parameter.max_length && parameter.min_length == *parameter.max_length
               ? error("must have {} characters", parameter.min_length)
           : parameter.max_length ? error("must have {} to {} characters", parameter.min_length, *parameter.max_length)
                                  : error("must have {} characters or more", parameter.min_length);
  }
  if (!parameter.pattern.empty()) {
    const auto pattern = Pattern::compile(parameter.pattern);
    if (!pattern || !pattern->fits(text)) {
      return error("must match {}", printable(parameter.pattern));
    }
  }
  return of(std::string(text));
}

Result<Value> read_integer(const Parameter& parameter, std::string_view text) {
  const auto value = parse_integer(text, kLowest, kHighest);
  if (!value || !within(parameter, *value, whole_bound)) {
    return error("must be a whole number{}", bounds(parameter));
  }
  return of(fmt::format("{}", *value));
}

Result<Value> read_number(const Parameter& parameter, std::string_view text) {
  const auto value = parse_number(text);
  if (!value || !within(parameter, *value, [](const std::string& bound) { return parse_number(bound); })) {
    return error("must be a number{}", bounds(parameter));
  }
  return of(std::string(trim(text)));
}

Result<Value> read_boolean(std::string_view text) {
  const auto value = parse_boolean(text);
  return value ? Result<Value>(of(*value ? "true" : "false")) : error("must be true or false");
}

Result<Value> read_enum(const Parameter& parameter, std::string_view text) {
  if (std::find(parameter.values.begin(), parameter.values.end(), text) != parameter.values.end()) {
    return of(std::string(text));
  }
  const std::vector<std::string_view> values(parameter.values.begin(), parameter.values.end());
  const std::string_view near = parameter.secret ? std::string_view() : nearest(text, values);
  return near.empty() ? error("must be one of {}", printable(fmt::format("{}", fmt::join(values, ", ")), 400))
                      : error("must be one of {} (did you mean {}?)",
                              printable(fmt::format("{}", fmt::join(values, ", ")), 400), printable(near));
}

Result<Value> read_date(const Parameter& parameter, std::string_view text, const Surroundings& surroundings) {
  const auto zone = Zone::find(parameter.time_zone, surroundings.root);
  if (!zone) {
    return error("cannot be known: {}", zone.failure().message);
  }
  const auto local = zone->local(std::chrono::floor<std::chrono::seconds>(surroundings.now));
  const Date today(std::chrono::local_days(std::chrono::floor<std::chrono::days>(local)));
  const auto date = parse_date(text, today);
  if (!date) {
    return date.failure();
  }
  if (!within(parameter, *date, [&](const std::string& bound) { return parse_date(bound, today); })) {
    return error("must be a date{}", bounds(parameter));
  }
  return of(date_text(*date));
}

Result<Value> read_datetime(const Parameter& parameter, std::string_view text, const Surroundings& surroundings) {
  const auto zone = Zone::find(parameter.time_zone, surroundings.root);
  if (!zone) {
    return error("cannot be known: {}", zone.failure().message);
  }
  const auto now = std::chrono::floor<std::chrono::milliseconds>(surroundings.now);
  const auto read = [&](std::string_view one) { return parse_datetime(one, now, *zone); };
  const auto moment = read(text);
  if (!moment) {
    return moment.failure();
  }
  if (!within(parameter, *moment, read)) {
    return error("must be a moment{}", bounds(parameter));
  }
  return of(datetime_text(*moment, *zone));
}

Result<Value> read_duration(const Parameter& parameter, std::string_view text) {
  const auto value = parse_duration(text);
  if (!value || !within(parameter, *value, [](const std::string& bound) { return parse_duration(bound); })) {
    return error("must be a duration{} such as 90s, 15m, 1h30m or PT15M", bounds(parameter));
  }
  return of(std::string(trim(text)));
}

Result<Value> read_size(const Parameter& parameter, std::string_view text) {
  const auto value = parse_size(text);
  if (!value || !within(parameter, *value, [](const std::string& bound) { return parse_size(bound); })) {
    return error("must be a size{} such as 65536, 64K, 512M or 1.5Gi", bounds(parameter));
  }
  return of(std::string(trim(text)));
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

Result<Value> read_path(const Parameter& parameter, std::string_view text, const Surroundings& surroundings) {
  if (text.empty()) {
    return error("must be a path");
  }
  std::string path(text);
  if (!path.starts_with('/') && !surroundings.folder.empty()) {
    path = surroundings.folder + "/" + path;
  }
  const std::string full = path.starts_with('/') ? surroundings.root(path) : path;
  const auto kind = kernel::path_kind(full);
  const bool there = kind && *kind != kernel::PathKind::missing;
  const std::string why = kind ? "" : fmt::format(" ({})", kind.failure().message);
  if (parameter.must == MustBe::there && !there) {
    return error("must be the path of something that is there{}", why);
  }
  if (parameter.must == MustBe::file && (!there || *kind != kernel::PathKind::file)) {
    return error("must be the path of a file{}", why);
  }
  if (parameter.must == MustBe::folder && (!there || *kind != kernel::PathKind::folder)) {
    return error("must be the path of a folder{}", why);
  }
  if (parameter.writable && !kernel::may_write(there ? full : parent_of(full))) {
    return error("must be a path that can be written to");
  }
  return of(std::string(text));
}

Result<Value> read_url(const Parameter& parameter, std::string_view text) {
  const std::string fault = url_fault(text, parameter.schemes);
  return fault.empty() ? Result<Value>(of(std::string(text))) : error("{}", fault);
}

Result<Value> check_json(const Parameter& parameter, const Json& value) {
  if (parameter.schema) {
    const std::string fault = violation(*parameter.schema, value);
    if (!fault.empty()) {
      return error("must be right by its schema: {}", fault);
    }
  }
  return of(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Value> read_list(const Parameter& parameter, std::vector<std::string> items, const Surroundings& surroundings) {
  Value list;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (parameter.items) {
      auto item = read_value(*parameter.items, items[i], surroundings);
      if (!item) {
        return error("item {}: {}", i + 1, item.failure().message);
      }
      list.items.push_back(std::move(item->text));
    } else {
      list.items.push_back(std::move(items[i]));
    }
    const std::string& item = list.items.back();
    if (item.empty()) {
      return error("item {}: must not be empty", i + 1);
    }
    if (item.find(parameter.separator) != std::string::npos) {
      return error("item {}: must not hold the separator {}", i + 1, printable(parameter.separator));
    }
  }
  const auto count = static_cast<std::int64_t>(list.items.size());
  if (!within(parameter, count, whole_bound)) {
    return error("must be a list{} items", bounds(parameter));
  }
  list.text = fmt::format("{}", fmt::join(list.items, parameter.separator));
  return list;
}

std::vector<std::string> pieces(std::string_view text, const std::string& separator) {
  std::vector<std::string> found;
  while (!trim(text).empty() || !found.empty()) {
    const std::size_t end = text.find(separator);
    found.emplace_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + separator.size());
  }
  return found;
}

Result<Value> read_range(const Parameter& parameter, std::string_view text) {
  const auto range = parse_range(text);
  const bool good =
      range && within(parameter, range->first, whole_bound) && within(parameter, range->last, whole_bound);
  if (!good) {
    return error("must be a range of whole numbers{} such as 1-1000 or -5..5", bounds(parameter));
  }
  return of(range_text(*range));
}

Result<Value> read_text(const Parameter& parameter, std::string_view text, const Surroundings& surroundings) {
  switch (parameter.type) {
    case Type::string: return read_string(parameter, text);
    case Type::integer: return read_integer(parameter, text);
    case Type::number: return read_number(parameter, text);
    case Type::boolean: return read_boolean(text);
    case Type::enumeration: return read_enum(parameter, text);
    case Type::date: return read_date(parameter, text, surroundings);
    case Type::datetime: return read_datetime(parameter, text, surroundings);
    case Type::duration: return read_duration(parameter, text);
    case Type::size: return read_size(parameter, text);
    case Type::path: return read_path(parameter, text, surroundings);
    case Type::url: return read_url(parameter, text);
    case Type::json: {
      const auto value = read_json(text);
      return value ? check_json(parameter, *value) : error("must be JSON: {}", value.failure().message);
    }
    case Type::list: return read_list(parameter, pieces(text, parameter.separator), surroundings);
    case Type::range: return read_range(parameter, text);
  }
  return error("must be of a known type");
}

// What a text would have said; nullopt: no text says it without loss.
std::optional<std::string> as_text(const Json& value, Type type) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_boolean()) {
    return value.dump();
  }
  // 1.10 would become 1.1: for a price it does not matter, for a version it does.
  const bool exact = value.is_number_integer() || type == Type::number || type == Type::duration;
  return value.is_number() && exact ? std::optional(value.dump()) : std::nullopt;
}

}  // namespace

std::string_view type_name(Type type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<Type> type_from_name(std::string_view name) {
  const auto* const found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
  return found == kTypeNames.end() ? std::nullopt : std::optional(static_cast<Type>(found - kTypeNames.begin()));
}

std::vector<std::string_view> type_names() { return {kTypeNames.begin(), kTypeNames.end()}; }

Result<Value> read_value(const Parameter& parameter, std::string_view text, const Surroundings& surroundings) {
  auto value = read_text(parameter, text, surroundings);
  // Neither a variable nor an argument could hold it: what stands behind it would be lost.
  return value && value->text.find('\0') != std::string::npos ? error("must not hold a NUL byte") : value;
}

Result<Value> read_json_value(const Parameter& parameter, const Json& value, const Surroundings& surroundings) {
  if (parameter.type == Type::json) {
    return check_json(parameter, value);
  }
  if (parameter.type == Type::list && value.is_array()) {
    std::vector<std::string> items;
    for (const Json& item : value) {
      auto text = as_text(item, parameter.items ? parameter.items->type : Type::string);
      if (!text) {
        return error("item {}: must be a text, not {}", items.size() + 1, item.type_name());
      }
      if (text->find('\0') != std::string::npos) {
        return error("item {}: must not hold a NUL byte", items.size() + 1);
      }
      items.push_back(std::move(*text));
    }
    return read_list(parameter, std::move(items), surroundings);
  }
  const auto text = as_text(value, parameter.type);
  if (!text) {
    return value.is_number() ? error("must be a text in JSON, since a number with a fraction could change in it")
                             : error("must be {}, not {}",
                                     parameter.type == Type::list ? "an array or a text" : "a text", value.type_name());
  }
  return read_value(parameter, *text, surroundings);
}

Json typed(const Parameter& parameter, const Value& value) {
  switch (parameter.type) {
    case Type::integer:
    case Type::number:
    case Type::boolean:
    case Type::json: {
      Json parsed = Json::parse(value.text, nullptr, false);
      return parsed.is_discarded() ? Json(value.text) : parsed;
    }
    case Type::list: {
      Json array = Json::array();
      for (const std::string& item : value.items) {
        array.push_back(parameter.items ? typed(*parameter.items, {item, {}}) : Json(item));
      }
      return array;
    }
    case Type::string:
    case Type::enumeration:
    case Type::date:
    case Type::datetime:
    case Type::duration:
    case Type::size:
    case Type::path:
    case Type::url:
    case Type::range: break;
  }
  return value.text;
}

std::string example_of(const Parameter& parameter) {
  if (!parameter.example.empty()) {
    return parameter.example;
  }
  switch (parameter.type) {
    case Type::string: return "";
    case Type::integer:
    case Type::number: return parameter.min.value_or(parameter.max.value_or("1"));
    case Type::boolean: return "true";
    case Type::enumeration: return parameter.values.empty() ? "" : parameter.values.front();
    case Type::date: return parameter.min.value_or(parameter.max.value_or("yesterday"));
    case Type::datetime: return parameter.min.value_or(parameter.max.value_or("2024-04-01T06:00:00Z"));
    case Type::duration: return parameter.min.value_or(parameter.max.value_or("15m"));
    case Type::size: return parameter.min.value_or(parameter.max.value_or("512M"));
    case Type::path: return parameter.must == MustBe::file ? "/data/input.csv" : "/data";
    case Type::url: return fmt::format("{}://example.com/", parameter.schemes.front());
    case Type::json: return parameter.schema ? "" : "{}";
    case Type::list: {
      const std::string one = parameter.items ? example_of(*parameter.items) : "a";
      return one.empty() || parameter.min || parameter.max ? one : fmt::format("{0}{1}{0}", one, parameter.separator);
    }
    case Type::range: return fmt::format("{}-{}", parameter.min.value_or("1"), parameter.max.value_or("1000"));
  }
  return "";
}

std::string constraints_of(const Parameter& parameter) {
  std::vector<std::string> parts;
  if (!parameter.values.empty()) {
    parts.push_back(fmt::format("one of {}", fmt::join(parameter.values, ", ")));
  } else if (parameter.type == Type::list) {
    parts.push_back(fmt::format("list of {}, with \"{}\" between them",
                                parameter.items ? constraints_of(*parameter.items) : "texts", parameter.separator));
  } else {
    parts.emplace_back(type_name(parameter.type));
  }
  if (const std::string range = bounds(parameter); !range.empty()) {
    parts.push_back(range.substr(1) + (parameter.type == Type::list ? " items" : ""));
  }
  if (parameter.min_length > 0) {
    parts.push_back(fmt::format("{} characters or more", parameter.min_length));
  }
  if (parameter.max_length) {
    parts.push_back(fmt::format("at most {} characters", *parameter.max_length));
  }
  if (!parameter.pattern.empty()) {
    parts.push_back(fmt::format("matches {}", parameter.pattern));
  }
  if (parameter.type == Type::date || parameter.type == Type::datetime) {
    parts.push_back(parameter.time_zone);
  }
  if (parameter.must != MustBe::anything) {
    parts.emplace_back(parameter.must == MustBe::file     ? "a file"
                       : parameter.must == MustBe::folder ? "a folder"
                                                          : "must exist");
  }
  if (parameter.writable) {
    parts.emplace_back("writable");
  }
  if (parameter.type == Type::url) {
    parts.push_back(fmt::format("{}", fmt::join(parameter.schemes, " or ")));
  }
  if (parameter.schema) {
    parts.emplace_back("by a JSON Schema");
  }
  if (parameter.shard) {
    parts.emplace_back("split between the tasks");
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace jobinit::job
