// A parameter as a job file declares it, and what its values may be.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/job/json_text.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::job {

enum class Type {
  string,
  integer,
  number,
  boolean,
  enumeration,
  date,
  datetime,
  duration,
  size,
  path,
  url,
  json,
  list,
  range,
};

std::string_view type_name(Type type);
std::optional<Type> type_from_name(std::string_view name);
std::vector<std::string_view> type_names();

// What must be at a path.
enum class MustBe { anything, there, file, folder };

struct Parameter {
  std::string name;  // as a variable of the environment
  Type type = Type::string;
  std::string description;
  std::string example;  // empty: one of the type's own
  bool required = false;
  bool secret = false;
  bool allow_in_argv = false;         // though it is a secret
  std::optional<Json> default_value;  // texts in it may hold references to other parameters
  std::vector<Path> from;             // where in a payload; empty: by its name

  std::optional<std::string> min;  // as written: of the type, for a list the number of items
  std::optional<std::string> max;
  std::uint64_t min_length = 0;  // in characters
  std::optional<std::uint64_t> max_length;
  std::string pattern;  // of the whole value; empty: none
  std::vector<std::string> values;
  std::string time_zone = "UTC";
  MustBe must = MustBe::anything;
  bool writable = false;
  std::vector<std::string> schemes{"http", "https"};
  std::optional<Json> schema;
  bool flatten = false;  // also a variable for each member
  std::string separator = ",";
  std::shared_ptr<const Parameter> items;  // of a list; null: texts
  bool shard = false;                      // only this task's part
};

// A value that is right.
struct Value {
  std::string text;                // as a variable or an argument has it
  std::vector<std::string> items;  // of a list
  bool operator==(const Value&) const = default;
};

// What values are judged by besides their declaration.
struct Surroundings {
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
  kernel::Root root;
  std::string folder;  // where relative paths start; empty: jobinit's own
};

// The value that a text stands for. Errors are what it must be ("must be a whole number from 1 to 10"), and never hold
// the text.
Result<Value> read_value(const Parameter& parameter, std::string_view text, const Surroundings& surroundings);
// The same for a value out of JSON: a number or a boolean where a text would do, an array for a list.
Result<Value> read_json_value(const Parameter& parameter, const Json& value, const Surroundings& surroundings);

// The value with its type, for a job that reads JSON.
Json typed(const Parameter& parameter, const Value& value);

// A value that would be right, as one would write it; empty: none is known (a pattern without an example).
std::string example_of(const Parameter& parameter);

// What values may be, for people: "whole number, from 1 to 10". As Markdown it would be plain text.
std::string constraints_of(const Parameter& parameter);

}  // namespace jobinit::job
