// The JSON Schema of job files. What it cannot say (that a default is right, that no name is there twice), `jobinit
// check` does.
#include <algorithm>
#include <array>

#include "jobinit/job/datetime.hpp"
#include "jobinit/job/job_file.hpp"
#include "jobinit/job/parameter_keywords.hpp"
#include "jobinit/job/value_schema.hpp"

namespace jobinit::job {
namespace {

const Json& scalar() {
  static const Json schema{{"type", {"string", "number", "boolean"}}};
  return schema;
}
Json text_or_number(std::string_view pattern, const Json& least, const Json& most, std::string_view type = "number") {
  return {
      {"anyOf", {{{"type", "string"}, {"pattern", pattern}}, {{"type", type}, {"minimum", least}, {"maximum", most}}}}};
}
Json whole(std::int64_t least, std::int64_t most) {
  return text_or_number("^[ \\t\\r\\n]*-?[0-9]+[ \\t\\r\\n]*$", least, most, "integer");
}

// What a setting takes, by what stands for its value in --help.
Json value_schema(const cli::Setting& setting) {
  const std::string_view what = setting.placeholder;
  if (setting.boolean()) {
    return {{"anyOf",
             {{{"type", "boolean"}},
              {{"enum", {0, 1}}},
              {{"type", "string"},
               {"pattern",
                "^[ \\t\\r\\n]*([Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|1|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]|[Oo][Ff][Ff]|0)"
                "[ \\t\\r\\n]*$"}}}}};
  }
  if (what == "COMMAND") {
    return {{"anyOf",
             {{{"type", "string"}, {"pattern", "[^ \\t\\r\\n]"}},
              {{"type", {"number", "boolean"}}},
              {{"type", "array"}, {"items", {{"type", "string"}}}, {"minItems", 1}}}}};
  }
  if (what == "DURATION") {
    static constexpr std::int64_t hundred_years = 3155760000;
    return text_or_number(duration_pattern(), 0, hundred_years);
  }
  if (what == "SIZE") {
    return text_or_number(size_pattern(), 0, std::int64_t{1000000000000000});
  }
  struct Whole {
    std::string_view what;
    std::int64_t least;
    std::int64_t most;
  };
  static constexpr std::array numbers{Whole{"N", -1000, 1000},       Whole{"NICENESS", -20, 19},
                                      Whole{"COUNT", 0, 1000},       Whole{"PROCESSES", 0, 4194304},
                                      Whole{"INDEX", 0, 1000000000}, Whole{"TASKS", 1, 1000000000},
                                      Whole{"LINES", 0, 1000000000}};
  const auto* const number =
      std::find_if(numbers.begin(), numbers.end(), [&](const Whole& one) { return one.what == what; });
  if (number != numbers.end()) {
    return whole(number->least, number->most);
  }
  return scalar();
}

Json setting_schema(const cli::Setting& setting) {
  Json schema = value_schema(setting);
  if (setting.repeatable) {
    schema = {{"anyOf",
               {scalar(),
                {{"type", "array"}, {"items", scalar()}},
                {{"type", "object"}, {"additionalProperties", scalar()}}}}};
  }
  schema["description"] = setting.help;
  if (!setting.default_value.empty()) {
    schema["default"] = setting.default_value;
  }
  return schema;
}

Json names_schema() { return {{"pattern", kNamePattern}, {"not", {{"pattern", "^JOBINIT_"}}}}; }

// The keywords that a type has, and no other.
Json keywords_of(Type type, bool of_items) {
  Json properties = Json::object();
  for (const Keyword& keyword : keywords()) {
    if ((keyword.types & bit(type)) == 0 || (of_items && !keyword.of_items)) {
      continue;
    }
    Json schema = keyword.name == "type" ? Json::object() : schema_of(keyword.kind);
    if (schema.is_object()) {
      schema["description"] = keyword.help;
    }
    properties[std::string(keyword.name)] = std::move(schema);
  }
  Json then{{"properties", std::move(properties)}, {"additionalProperties", false}};
  if (type == Type::enumeration) {
    then["required"] = {"values"};
  }
  return then;
}

Json declaration_schema(bool of_items) {
  Json types = Json::array();
  Json by_type = Json::array();
  for (const std::string_view name : type_names()) {
    const Type type = type_from_name(name).value_or(Type::string);
    if (of_items && type == Type::list) {
      continue;
    }
    types.push_back(name);
    Json condition{{"properties", {{"type", {{"const", name}}}}}};
    if (type != Type::string) {  // which is what a declaration without a type is
      condition["required"] = {"type"};
    }
    by_type.push_back({{"if", std::move(condition)}, {"then", keywords_of(type, of_items)}});
  }
  if (!of_items) {
    by_type.push_back(
        {{"not", {{"required", {"required", "default"}}, {"properties", {{"required", {{"const", true}}}}}}}});
    by_type.push_back(
        {{"if", {{"required", {"allow_in_argv"}}, {"properties", {{"allow_in_argv", {{"const", true}}}}}}},
         {"then", {{"required", {"secret"}}, {"properties", {{"secret", {{"const", true}}}}}}}});
  }
  return {{"type", "object"},
          {"properties", {{"type", {{"enum", std::move(types)}, {"default", "string"}}}}},
          {"allOf", std::move(by_type)}};
}

}  // namespace

std::string job_schema() {
  Json properties = Json::object();
  for (const cli::Setting& setting : cli::settings_table()) {
    if (setting.in_job_file) {
      properties[setting.key()] = setting_schema(setting);
    }
  }
  properties[kSchemaKey] = {{"type", "string"}, {"description", "Where this schema is, for editors."}};
  properties[kParametersKey] = {
      {"description",
       "What the job needs to be told, by the name of its variable. A run whose values are wrong is refused."},
      {"type", "object"},
      {"maxProperties", kMostNames},
      {"propertyNames", names_schema()},
      {"additionalProperties", {{"$ref", "#/$defs/parameter"}}}};
  properties[kEnvironmentKey] = {
      {"description", "Variables that the job gets; ${NAME} in them is a parameter or another variable."},
      {"type", "object"},
      {"maxProperties", kMostNames},
      {"propertyNames", names_schema()},
      {"additionalProperties", scalar()}};
  const Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                    {"$id", "urn:jobinit:job:1"},
                    {"title", "jobinit job file"},
                    {"description", "Settings, parameters and variables of a job that jobinit runs."},
                    {"type", "object"},
                    {"properties", std::move(properties)},
                    {"additionalProperties", false},
                    {"$defs",
                     {{"parameter", declaration_schema(false)},
                      {"item", declaration_schema(true)},
                      {"value_schema", schema_of_schemas()}}}};
  return schema.dump(2) + "\n";
}

}  // namespace jobinit::job
