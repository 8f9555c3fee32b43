// The keywords of a parameter's declaration: one table drives reading it, its errors and the published JSON Schema.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/job/parameter.hpp"

namespace jobinit::job {

// What a keyword's value is.
enum class Kind {
  text,
  name_or_names,  // a text, or an array of at least one
  boolean,
  whole,  // an integer
  number,
  length,  // an integer from 0
  texts,   // an array of at least one, each once
  pattern,
  separator,  // a text that is not empty
  time_zone,
  existence,
  date,
  datetime,
  duration,
  size,
  pointers,  // a JSON Pointer, or an array of them
  scheme_names,
  schema,  // a JSON Schema
  scalar,  // a text, a number, a boolean
  default_of_list,
  default_of_json,
  declaration,  // of a list's items
};

constexpr unsigned bit(Type type) { return 1U << static_cast<unsigned>(type); }
inline constexpr unsigned kAllTypes = ~0U;

struct Keyword {
  std::string_view name;
  unsigned types;  // bit() of each type that it has a meaning for; a name may have a row for each kind
  Kind kind;
  bool of_items;  // may also stand in a list's `items`
  std::string_view help;
  void (*assign)(Parameter& parameter, const Json& value);  // one that is of the kind
};

std::span<const Keyword> keywords();

// Something that is wrong, and with what.
struct Fault {
  Path path;
  std::string message;
  bool with_name = false;  // with the member's name, not with its value
};

// A declaration at `path`, of which everything that is wrong is added to `faults`.
Parameter read_declaration(const Json& declaration, const Path& path, bool of_items, std::vector<Fault>& faults);

// The JSON Schema of such a value.
Json schema_of(Kind kind);

}  // namespace jobinit::job
