#include "jobinit/job/value_schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "jobinit/base/pattern.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

constexpr std::string_view kDraft = "https://json-schema.org/draft/2020-12/schema";
constexpr std::array<std::string_view, 7> kTypes{"null", "boolean", "object", "array", "number", "string", "integer"};

// What a keyword of a schema may hold.
enum class Holds { draft, text, boolean, anything, any_array, type, schema, schemas, names, length, number, pattern };

struct Rule {
  std::string_view name;
  Holds holds;
};

constexpr std::array kRules{
    Rule{"$schema", Holds::draft},
    Rule{"$comment", Holds::text},
    Rule{"title", Holds::text},
    Rule{"description", Holds::text},
    Rule{"default", Holds::anything},
    Rule{"examples", Holds::any_array},
    Rule{"deprecated", Holds::boolean},
    Rule{"type", Holds::type},
    Rule{"enum", Holds::any_array},
    Rule{"const", Holds::anything},
    Rule{"properties", Holds::schemas},
    Rule{"required", Holds::names},
    Rule{"additionalProperties", Holds::schema},
    Rule{"minProperties", Holds::length},
    Rule{"maxProperties", Holds::length},
    Rule{"items", Holds::schema},
    Rule{"minItems", Holds::length},
    Rule{"maxItems", Holds::length},
    Rule{"minimum", Holds::number},
    Rule{"maximum", Holds::number},
    Rule{"exclusiveMinimum", Holds::number},
    Rule{"exclusiveMaximum", Holds::number},
    Rule{"minLength", Holds::length},
    Rule{"maxLength", Holds::length},
    Rule{"pattern", Holds::pattern},
};

Path below(const Path& path, std::string_view name) {
  Path longer = path;
  longer.emplace_back(name);
  return longer;
}

// JSON knows one kind of number: 1.0 is an integer (JSON Schema Validation, 6.1.1).
bool is_whole(const Json& value) {
  return value.is_number_integer() || (value.is_number_float() && std::trunc(value.get<double>()) == value);
}

// Has room for every integer of 64 bits.
long double as_number(const Json& value) {
  return value.is_number_unsigned()  ? static_cast<long double>(value.get<std::uint64_t>())
         : value.is_number_integer() ? static_cast<long double>(value.get<std::int64_t>())
                                     : static_cast<long double>(value.get<double>());
}

bool is_type(const Json& value) {
  return value.is_string() && std::find(kTypes.begin(), kTypes.end(), value.get<std::string>()) != kTypes.end();
}

bool all_differ(const Json& array) { return std::set<Json>(array.begin(), array.end()).size() == array.size(); }

// What is wrong with a keyword's value; empty: nothing, or it is told by itself.
std::string wrong(Holds holds, const Json& value, const Path& path, std::vector<Fault>& faults) {
  switch (holds) {
    case Holds::draft: return value == kDraft ? "" : fmt::format("must be \"{}\"", kDraft);
    case Holds::text: return value.is_string() ? "" : "must be a text";
    case Holds::boolean: return value.is_boolean() ? "" : "must be true or false";
    case Holds::anything: return "";
    case Holds::any_array: return value.is_array() ? "" : "must be an array";
    case Holds::type: {
      const bool several = value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_type);
      return is_type(value) || (several && all_differ(value))
                 ? ""
                 : fmt::format("must be one of {}, or an array of them", fmt::join(kTypes, ", "));
    }
    case Holds::schema: check_schema(value, path, faults); return "";
    case Holds::schemas:
      if (!value.is_object()) {
        return "must be an object of schemas";
      }
      for (const auto& [name, schema] : value.items()) {
        check_schema(schema, below(path, name), faults);
      }
      return "";
    case Holds::names: {
      const auto is_text = [](const Json& name) { return name.is_string(); };
      return value.is_array() && std::all_of(value.begin(), value.end(), is_text) && all_differ(value)
                 ? ""
                 : "must be an array of names, each once";
    }
    case Holds::length: return is_whole(value) && as_number(value) >= 0 ? "" : "must be a whole number from 0";
    case Holds::number: return value.is_number() ? "" : "must be a number";
    case Holds::pattern: {
      if (!value.is_string()) {
        return "must be a regular expression";
      }
      const auto pattern = Pattern::compile(value.get<std::string>());
      return pattern ? "" : pattern.failure().message;
    }
  }
  return "";
}

bool has_type(const Json& value, const std::string& type) {
  return type == "integer" ? is_whole(value) : type == "number" ? value.is_number() : type == value.type_name();
}

class Judge {
 public:
  std::string operator()(const Json& schema, const Json& value) {
    if (schema.is_boolean()) {
      return schema.get<bool>() ? "" : at("must not be there");
    }
    for (const auto& [name, rule] : schema.items()) {
      const std::string what = by(name, rule, schema, value);
      if (!what.empty()) {
        return what;
      }
    }
    return "";
  }

 private:
  std::string at(std::string_view what) const {
    return path_.empty() ? std::string(what) : fmt::format("at {}: {}", pointer_text(path_), what);
  }
  std::string unless(bool good, std::string_view what) const { return good ? "" : at(what); }

  std::string inside(const std::string& name, const Json& schema, const Json& value) {
    path_.push_back(name);
    std::string what = (*this)(schema, value);
    path_.pop_back();
    return what;
  }

  std::string by(const std::string& name, const Json& rule, const Json& schema, const Json& value) {
    if (name == "type") {
      const bool good = rule.is_string() ? has_type(value, rule.get<std::string>())
                                         : std::any_of(rule.begin(), rule.end(), [&](const Json& type) {
                                             return has_type(value, type.get<std::string>());
                                           });
      const auto types = rule.is_string() ? std::vector{rule.get<std::string>()} : rule.get<std::vector<std::string>>();
      return unless(good, fmt::format("must be of type {}", fmt::join(types, " or ")));
    }
    if (name == "enum") {
      return unless(std::find(rule.begin(), rule.end(), value) != rule.end(),
                    fmt::format("must be one of {}", printable(rule.dump())));
    }
    if (name == "const") {
      return unless(rule == value, fmt::format("must be {}", printable(rule.dump())));
    }
    return value.is_object()   ? of_object(name, rule, schema, value)
           : value.is_array()  ? of_array(name, rule, value)
           : value.is_string() ? of_text(name, rule, value)
           : value.is_number() ? of_number(name, rule, value)
                               : "";
  }

  std::string of_object(const std::string& name, const Json& rule, const Json& schema, const Json& value) {
    if (name == "required") {
      for (const Json& member : rule) {
        if (!value.contains(member.get<std::string>())) {
          return at(fmt::format("must have \"{}\"", printable(member.get<std::string>())));
        }
      }
    } else if (name == "properties") {
      for (const auto& [member, its_schema] : rule.items()) {
        const auto found = value.find(member);
        std::string what = found == value.end() ? "" : inside(member, its_schema, *found);
        if (!what.empty()) {
          return what;
        }
      }
    } else if (name == "additionalProperties") {
      const Json known = schema.value("properties", Json::object());
      for (const auto& [member, its_value] : value.items()) {
        std::string what = known.contains(member) ? "" : inside(member, rule, its_value);
        if (!what.empty()) {
          return what;
        }
      }
    } else if (name == "minProperties") {
      return unless(static_cast<long double>(value.size()) >= as_number(rule),
                    fmt::format("must have {} members or more", rule.dump()));
    } else if (name == "maxProperties") {
      return unless(static_cast<long double>(value.size()) <= as_number(rule),
                    fmt::format("must have {} members or fewer", rule.dump()));
    }
    return "";
  }

  std::string of_array(const std::string& name, const Json& rule, const Json& value) {
    if (name == "items") {
      for (std::size_t i = 0; i < value.size(); ++i) {
        std::string what = inside(fmt::format("{}", i), rule, value[i]);
        if (!what.empty()) {
          return what;
        }
      }
    } else if (name == "minItems") {
      return unless(static_cast<long double>(value.size()) >= as_number(rule),
                    fmt::format("must have {} items or more", rule.dump()));
    } else if (name == "maxItems") {
      return unless(static_cast<long double>(value.size()) <= as_number(rule),
                    fmt::format("must have {} items or fewer", rule.dump()));
    }
    return "";
  }

  std::string of_text(const std::string& name, const Json& rule, const Json& value) {
    const auto& text = value.get_ref<const std::string&>();
    if (name == "minLength") {
      return unless(static_cast<long double>(characters(text)) >= as_number(rule),
                    fmt::format("must have {} characters or more", rule.dump()));
    }
    if (name == "maxLength") {
      return unless(static_cast<long double>(characters(text)) <= as_number(rule),
                    fmt::format("must have {} characters or fewer", rule.dump()));
    }
    if (name == "pattern") {
      const auto& expression = rule.get_ref<const std::string&>();
      auto known = patterns_.find(expression);
      if (known == patterns_.end()) {
        auto compiled = Pattern::compile(expression);
        if (!compiled) {
          return at(compiled.failure().message);
        }
        known = patterns_.emplace(expression, std::move(*compiled)).first;
      }
      return unless(known->second.found_in(text), fmt::format("must match {}", printable(expression)));
    }
    return "";
  }

  std::string of_number(const std::string& name, const Json& rule, const Json& value) const {
    if (name == "minimum") {
      return unless(as_number(value) >= as_number(rule), fmt::format("must be at least {}", rule.dump()));
    }
    if (name == "maximum") {
      return unless(as_number(value) <= as_number(rule), fmt::format("must be at most {}", rule.dump()));
    }
    if (name == "exclusiveMinimum") {
      return unless(as_number(value) > as_number(rule), fmt::format("must be more than {}", rule.dump()));
    }
    if (name == "exclusiveMaximum") {
      return unless(as_number(value) < as_number(rule), fmt::format("must be less than {}", rule.dump()));
    }
    return "";
  }

  Path path_;
  std::map<std::string, Pattern> patterns_;
};

Json published(Holds holds) {
  switch (holds) {
    case Holds::draft: return {{"const", kDraft}};
    case Holds::text: return {{"type", "string"}};
    case Holds::boolean: return {{"type", "boolean"}};
    case Holds::anything: return true;
    case Holds::any_array: return {{"type", "array"}};
    case Holds::type: {
      const Json one{{"enum", kTypes}};
      return {{"anyOf", {one, {{"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}}}}};
    }
    case Holds::schema: return {{"$ref", "#/$defs/value_schema"}};
    case Holds::schemas: return {{"type", "object"}, {"additionalProperties", {{"$ref", "#/$defs/value_schema"}}}};
    case Holds::names: return {{"type", "array"}, {"items", {{"type", "string"}}}, {"uniqueItems", true}};
    case Holds::length: return {{"type", "integer"}, {"minimum", 0}};
    case Holds::number: return {{"type", "number"}};
    case Holds::pattern: return {{"type", "string"}, {"format", "regex"}};
  }
  return true;
}

}  // namespace

void check_schema(const Json& schema, const Path& path, std::vector<Fault>& faults) {
  if (schema.is_boolean()) {
    return;
  }
  if (!schema.is_object()) {
    faults.push_back({path, "must be a JSON Schema: an object, true or false"});
    return;
  }
  for (const auto& [name, value] : schema.items()) {
    const auto* const rule =
        std::find_if(kRules.begin(), kRules.end(), [&](const Rule& one) { return one.name == name; });
    if (rule == kRules.end()) {
      std::vector<std::string_view> names;
      for (const Rule& one : kRules) {
        names.push_back(one.name);
      }
      const std::string_view near = nearest(name, names);
      faults.push_back({below(path, name),
                        near.empty() ? "not a keyword of JSON Schema that jobinit checks; docs/parameters.md lists them"
                                     : fmt::format("not a keyword of JSON Schema that jobinit checks; did you mean "
                                                   "\"{}\"?",
                                                   near),
                        true});
      continue;
    }
    std::string what = wrong(rule->holds, value, below(path, name), faults);
    if (!what.empty()) {
      faults.push_back({below(path, name), std::move(what)});
    }
  }
}

std::string violation(const Json& schema, const Json& value) { return Judge()(schema, value); }

Json schema_of_schemas() {
  Json properties = Json::object();
  for (const Rule& rule : kRules) {
    properties[std::string(rule.name)] = published(rule.holds);
  }
  return {{"description", "The part of JSON Schema (draft 2020-12) that jobinit checks values by."},
          {"type", {"object", "boolean"}},
          {"properties", std::move(properties)},
          {"additionalProperties", false}};
}

}  // namespace jobinit::job
