#include "jobinit/job/parameter_keywords.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "jobinit/base/date.hpp"
#include "jobinit/base/moment.hpp"
#include "jobinit/base/pattern.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/job/datetime.hpp"
#include "jobinit/job/value_schema.hpp"
#include "jobinit/job/zone.hpp"

namespace jobinit::job {
namespace {

constexpr std::string_view kSchemePattern = "^[a-z][a-z0-9+.-]*$";  // RFC 3986, 3.1
constexpr std::array<std::string_view, 3> kExistences{"exist", "file", "dir"};

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::vector<Path> paths_of(const Json& value) {
  std::vector<Path> paths;
  for (const Json& one : value.is_array() ? value : Json::array({value})) {
    paths.push_back(parse_pointer(one.get<std::string>()).value_or(Path()));
  }
  return paths;
}

template <auto Member>
void assign(Parameter& parameter, const Json& value) {
  using Target = std::decay_t<decltype(parameter.*Member)>;
  if constexpr (std::is_same_v<Target, std::optional<std::string>>) {
    parameter.*Member = text_of(value);
  } else if constexpr (std::is_same_v<Target, std::uint64_t> || std::is_same_v<Target, std::optional<std::uint64_t>>) {
    parameter.*Member = static_cast<std::uint64_t>(value.get<double>());
  } else if constexpr (std::is_same_v<Target, std::vector<Path>>) {
    parameter.*Member = paths_of(value);
  } else if constexpr (std::is_same_v<Target, std::optional<Json>>) {
    parameter.*Member = value;
  } else {
    parameter.*Member = value.get<Target>();
  }
}

// What is set elsewhere: the type, and a list's items.
void leave(Parameter& /*parameter*/, const Json& /*value*/) {}

void assign_existence(Parameter& parameter, const Json& value) {
  const auto* const found = std::find(kExistences.begin(), kExistences.end(), value.get<std::string>());
  parameter.must = static_cast<MustBe>(found - kExistences.begin() + 1);
}

constexpr unsigned kTextual = bit(Type::string);
constexpr unsigned kZoned = bit(Type::date) | bit(Type::datetime);
constexpr unsigned kSimpleDefault = kAllTypes & ~(bit(Type::list) | bit(Type::json));

// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr std::array kKeywords{
    Keyword{"type", kAllTypes, Kind::text, true, "what kind of value it is", leave},
    Keyword{"description", kAllTypes, Kind::text, true, "for people: what it is for", assign<&Parameter::description>},
    Keyword{"example", kAllTypes, Kind::scalar, true, "a value that is right, for messages and docs",
            [](Parameter& parameter, const Json& value) { parameter.example = text_of(value); }},
    Keyword{"required", kAllTypes, Kind::boolean, false, "without a value the run is refused",
            assign<&Parameter::required>},
    Keyword{"secret", kAllTypes, Kind::boolean, false, "never shown: *** in its stead", assign<&Parameter::secret>},
    Keyword{"allow_in_argv", kAllTypes, Kind::boolean, false,
            "the command may hold it though it is a secret, which every process of the container can then read",
            assign<&Parameter::allow_in_argv>},
    Keyword{"default", kSimpleDefault, Kind::scalar, false,
            "the value where no source has one; ${NAME} in it is another parameter", assign<&Parameter::default_value>},
    Keyword{"default", bit(Type::list), Kind::default_of_list, false,
            "the value where no source has one: an array, or a text with separators",
            assign<&Parameter::default_value>},
    Keyword{"default", bit(Type::json), Kind::default_of_json, false, "the value where no source has one",
            assign<&Parameter::default_value>},
    Keyword{"from", kAllTypes, Kind::pointers, false,
            "where in a payload it is: a JSON Pointer, or several of which the first that leads somewhere counts",
            assign<&Parameter::from>},
    Keyword{"min", bit(Type::integer) | bit(Type::range), Kind::whole, true, "the least that it may be",
            assign<&Parameter::min>},
    Keyword{"max", bit(Type::integer) | bit(Type::range), Kind::whole, true, "the most that it may be",
            assign<&Parameter::max>},
    Keyword{"min", bit(Type::number), Kind::number, true, "the least that it may be", assign<&Parameter::min>},
    Keyword{"max", bit(Type::number), Kind::number, true, "the most that it may be", assign<&Parameter::max>},
    Keyword{"min", bit(Type::date), Kind::date, true, "the first date that it may be", assign<&Parameter::min>},
    Keyword{"max", bit(Type::date), Kind::date, true, "the last date that it may be", assign<&Parameter::max>},
    Keyword{"min", bit(Type::datetime), Kind::datetime, true, "the first moment that it may be",
            assign<&Parameter::min>},
    Keyword{"max", bit(Type::datetime), Kind::datetime, true, "the last moment that it may be",
            assign<&Parameter::max>},
    Keyword{"min", bit(Type::duration), Kind::duration, true, "the shortest that it may be", assign<&Parameter::min>},
    Keyword{"max", bit(Type::duration), Kind::duration, true, "the longest that it may be", assign<&Parameter::max>},
    Keyword{"min", bit(Type::size), Kind::size, true, "the least that it may be", assign<&Parameter::min>},
    Keyword{"max", bit(Type::size), Kind::size, true, "the most that it may be", assign<&Parameter::max>},
    Keyword{"min", bit(Type::list), Kind::length, false, "how many items there must be", assign<&Parameter::min>},
    Keyword{"max", bit(Type::list), Kind::length, false, "how many items there may be", assign<&Parameter::max>},
    Keyword{"min_length", kTextual, Kind::length, true, "how many characters it must have",
            assign<&Parameter::min_length>},
    Keyword{"max_length", kTextual, Kind::length, true, "how many characters it may have",
            assign<&Parameter::max_length>},
    Keyword{"pattern", kTextual, Kind::pattern, true, "a regular expression (RE2) that the whole value must match",
            assign<&Parameter::pattern>},
    Keyword{"values", bit(Type::enumeration), Kind::texts, true, "what it may be", assign<&Parameter::values>},
    Keyword{
        "tz", kZoned, Kind::time_zone, true,
        "the time zone in which a day begins and a time without a zone is meant: Europe/Berlin, +02:00; default UTC",
        assign<&Parameter::time_zone>},
    Keyword{"must", bit(Type::path), Kind::existence, true, "what must be there before the job starts",
            assign_existence},
    Keyword{"writable", bit(Type::path), Kind::boolean, true,
            "jobinit must be able to write there; where nothing is yet, into its folder", assign<&Parameter::writable>},
    Keyword{"schemes", bit(Type::url), Kind::scheme_names, true, "what it may begin with; default http and https",
            assign<&Parameter::schemes>},
    Keyword{"schema", bit(Type::json), Kind::schema, true, "a JSON Schema that the value must meet",
            assign<&Parameter::schema>},
    Keyword{"flatten", bit(Type::json), Kind::boolean, false,
            "each member is a variable, too: NAME_MEMBER, in capitals, NAME_0 of an array",
            assign<&Parameter::flatten>},
    Keyword{"separator", bit(Type::list), Kind::separator, false, "what is between items; default a comma",
            assign<&Parameter::separator>},
    Keyword{"items", bit(Type::list), Kind::declaration, false, "what each item must be", leave},
    Keyword{"shard", bit(Type::list) | bit(Type::range), Kind::boolean, false,
            "only this task's part of it: one of JOBINIT_COUNT parts of even size, by JOBINIT_INDEX",
            assign<&Parameter::shard>},
};
// NOLINTEND(modernize-use-designated-initializers)

Path below(const Path& path, std::string_view name) {
  Path longer = path;
  longer.emplace_back(name);
  return longer;
}

bool is_scalar(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }
bool is_whole(const Json& value) {
  static constexpr double exact = 9007199254740992.0;  // 2^53: beyond it, a fraction is not seen
  return value.is_number_integer()
             ? !value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{INT64_MAX}
             : value.is_number_float() && std::trunc(value.get<double>()) == value &&
                   std::fabs(value.get<double>()) <= exact;
}
bool is_length(const Json& value) { return is_whole(value) && value.get<double>() >= 0; }

bool are_texts(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_string(); });
}
bool each_once(const Json& value) { return std::set<Json>(value.begin(), value.end()).size() == value.size(); }

bool are_pointers(const Json& value) {
  const auto is_pointer = [](const Json& one) {
    return one.is_string() && parse_pointer(one.get<std::string>()).has_value();
  };
  return value.is_array() ? !value.empty() && std::all_of(value.begin(), value.end(), is_pointer) : is_pointer(value);
}

bool are_schemes(const Json& value) {
  static const auto pattern = Pattern::compile(kSchemePattern);
  return are_texts(value) && each_once(value) && std::all_of(value.begin(), value.end(), [](const Json& one) {
           return pattern && pattern->found_in(one.get<std::string>());
         });
}

// Any day will do to see whether it is a date.
bool is_date(const Json& value) {
  static constexpr Date some_day{std::chrono::year(2024), std::chrono::month(2), std::chrono::day(29)};
  return value.is_string() && parse_date(value.get<std::string>(), some_day);
}

// What is wrong with a keyword's value; empty: nothing, or it is told by itself.
std::string wrong(Kind kind, const Json& value, const Path& path, std::vector<Fault>& faults) {
  const auto unless = [](bool good, std::string_view what) { return good ? std::string() : std::string(what); };
  const bool text = value.is_string();
  switch (kind) {
    case Kind::text: return unless(text, "must be a text");
    case Kind::name_or_names: return unless(text || are_texts(value), "must be a text or an array of texts");
    case Kind::boolean: return unless(value.is_boolean(), "must be true or false");
    case Kind::whole: return unless(is_whole(value), "must be a whole number");
    case Kind::number: return unless(value.is_number(), "must be a number");
    case Kind::length: return unless(is_length(value), "must be a whole number from 0");
    case Kind::texts: return unless(are_texts(value) && each_once(value), "must be an array of texts, each once");
    case Kind::pattern: {
      if (!text) {
        return "must be a regular expression";
      }
      const auto pattern = Pattern::compile(value.get<std::string>());
      return pattern ? "" : pattern.failure().message;
    }
    case Kind::separator: return unless(text && value != "", "must be a text that is not empty");
    case Kind::time_zone:
      return unless(text && is_zone_name(value.get<std::string>()),
                    "must be a time zone such as Europe/Berlin, UTC or +02:00");
    case Kind::existence:
      return unless(value == "exist" || value == "file" || value == "dir", "must be exist, file or dir");
    case Kind::date: return unless(is_date(value), "must be a date such as 2024-04-01 or today");
    case Kind::datetime:
      return unless(text && is_datetime(value.get<std::string>()),
                    "must be a moment such as 2024-04-01T06:00:00Z or now");
    case Kind::duration:
      return unless(text && parse_duration(value.get<std::string>()),
                    "must be a duration such as \"90s\" or \"1h30m\"");
    case Kind::size: return unless(text && parse_size(value.get<std::string>()), "must be a size such as \"512M\"");
    case Kind::pointers:
      return unless(are_pointers(value), "must be a JSON Pointer such as /detail/customer, or an array of them");
    case Kind::scheme_names:
      return unless(are_schemes(value), "must be an array of schemes such as [\"https\"], each once");
    case Kind::schema: check_schema(value, path, faults); return "";
    case Kind::scalar: return unless(is_scalar(value), "must be a text, a number, true or false");
    case Kind::default_of_list: {
      const bool items = value.is_array() && std::all_of(value.begin(), value.end(), is_scalar);
      return unless(text || items, "must be a text, or an array of texts, numbers, true or false");
    }
    case Kind::default_of_json: return "";
    case Kind::declaration: return unless(value.is_object(), "must be an object such as {\"type\": \"integer\"}");
  }
  return "";
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string_view near = nearest(name, candidates);
  return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
}

std::vector<std::string_view> names_for(Type type, bool of_items) {
  std::vector<std::string_view> names;
  for (const Keyword& keyword : kKeywords) {
    if ((keyword.types & bit(type)) != 0 && (!of_items || keyword.of_items)) {
      names.push_back(keyword.name);
    }
  }
  return names;
}

std::optional<Type> read_type(const Json& declaration, const Path& path, bool of_items, std::vector<Fault>& faults) {
  const auto found = declaration.find("type");
  if (found == declaration.end()) {
    return Type::string;
  }
  const auto type = found->is_string() ? type_from_name(found->get<std::string>()) : std::nullopt;
  const bool nested = of_items && type == Type::list;
  if (type && !nested) {
    return type;
  }
  const std::string near = found->is_string() && !nested ? did_you_mean(found->get<std::string>(), type_names()) : "";
  faults.push_back(
      {below(path, "type"),
       nested ? "an item cannot be a list" : fmt::format("must be one of {}{}", fmt::join(type_names(), ", "), near)});
  return std::nullopt;
}

// What each keyword by itself cannot say.
void check_together(const Parameter& parameter, const Json& declaration, const Path& path, std::vector<Fault>& faults) {
  if (parameter.type == Type::enumeration && !declaration.contains("values")) {
    faults.push_back({path, "an enum needs \"values\", what it may be", true});
  }
  if (parameter.required && parameter.default_value) {
    faults.push_back(
        {below(path, "required"), "what has a default is never missing: give one of \"required\" and \"default\""});
  }
  if (parameter.allow_in_argv && !parameter.secret) {
    faults.push_back(
        {below(path, "allow_in_argv"), "only a secret needs leave to be an argument: \"secret\" is not true"});
  }
  if (parameter.max_length && *parameter.max_length < parameter.min_length) {
    faults.push_back({below(path, "max_length"), "is less than \"min_length\": no value could be right"});
  }
}

const Keyword* find_keyword(std::string_view name, Type type, bool of_items) {
  const auto* const found = std::find_if(kKeywords.begin(), kKeywords.end(), [&](const Keyword& keyword) {
    return keyword.name == name && (keyword.types & bit(type)) != 0 && (!of_items || keyword.of_items);
  });
  return found == kKeywords.end() ? nullptr : found;
}

std::string unknown_keyword(std::string_view name, Type type, bool of_items) {
  const bool elsewhere =
      std::any_of(kKeywords.begin(), kKeywords.end(), [&](const Keyword& keyword) { return keyword.name == name; });
  return elsewhere ? fmt::format("has no meaning for {}{}", of_items ? "an item of type " : "type ", type_name(type))
                   : fmt::format("no such keyword{}", did_you_mean(name, names_for(type, of_items)));
}

Json array_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}, {"minItems", 1}}; }
Json unique_array_of(Json items) {
  Json array = array_of(std::move(items));
  array["uniqueItems"] = true;
  return array;
}
Json by_pattern(std::string_view pattern) { return {{"type", "string"}, {"pattern", pattern}}; }
Json any_of(std::initializer_list<Json> several) { return {{"anyOf", Json(several)}}; }

}  // namespace

std::span<const Keyword> keywords() { return kKeywords; }

Parameter read_declaration(const Json& declaration, const Path& path, bool of_items, std::vector<Fault>& faults) {
  Parameter parameter;
  if (!declaration.is_object()) {
    faults.push_back({path, "must be an object such as {\"type\": \"integer\"}"});
    return parameter;
  }
  const auto type = read_type(declaration, path, of_items, faults);
  if (!type) {
    return parameter;  // which keywords are right depends on it
  }
  parameter.type = *type;
  for (const auto& [name, value] : declaration.items()) {
    const Path here = below(path, name);
    const Keyword* keyword = find_keyword(name, *type, of_items);
    if (keyword == nullptr) {
      faults.push_back({here, unknown_keyword(name, *type, of_items), true});
      continue;
    }
    const std::size_t before = faults.size();
    std::string what = wrong(keyword->kind, value, here, faults);
    if (!what.empty()) {
      faults.push_back({here, std::move(what)});
    } else if (keyword->kind == Kind::declaration) {
      parameter.items = std::make_shared<Parameter>(read_declaration(value, here, true, faults));
    } else if (faults.size() == before) {
      keyword->assign(parameter, value);
    }
  }
  check_together(parameter, declaration, path, faults);
  return parameter;
}

Json schema_of(Kind kind) {
  const Json text{{"type", "string"}};
  const Json scalar{{"type", {"string", "number", "boolean"}}};
  switch (kind) {
    case Kind::text: return text;
    case Kind::name_or_names: return any_of({text, array_of(text)});
    case Kind::boolean: return {{"type", "boolean"}};
    case Kind::whole: return {{"type", "integer"}, {"minimum", INT64_MIN}, {"maximum", INT64_MAX}};
    case Kind::number: return {{"type", "number"}};
    case Kind::length: return {{"type", "integer"}, {"minimum", 0}, {"maximum", INT64_MAX}};
    case Kind::texts: return unique_array_of(text);
    case Kind::pattern: return {{"type", "string"}, {"format", "regex"}};
    case Kind::separator: return {{"type", "string"}, {"minLength", 1}};
    case Kind::time_zone:
      return by_pattern("^(UTC|Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]|[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)$");
    case Kind::existence: return {{"enum", kExistences}};
    case Kind::date: return by_pattern(fmt::format("^({})$", date_pattern()));
    case Kind::datetime: return by_pattern(fmt::format("^({})$", datetime_pattern()));
    case Kind::duration: return by_pattern(duration_pattern());
    case Kind::size: return by_pattern(size_pattern());
    case Kind::pointers: {
      const Json pointer = by_pattern("^(/([^~/]|~[01])*)*$");
      return any_of({pointer, array_of(pointer)});
    }
    case Kind::scheme_names: return unique_array_of(by_pattern(kSchemePattern));
    case Kind::schema: return {{"$ref", "#/$defs/value_schema"}};
    case Kind::scalar: return scalar;
    case Kind::default_of_list: return any_of({text, {{"type", "array"}, {"items", scalar}}});
    case Kind::default_of_json: return true;
    case Kind::declaration: return {{"$ref", "#/$defs/item"}};
  }
  return true;
}

}  // namespace jobinit::job
