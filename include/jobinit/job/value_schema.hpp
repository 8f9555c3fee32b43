// The part of JSON Schema (draft 2020-12) that parameters of type json are checked by. What is not in it is refused, so
// that no rule is silently left unchecked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jobinit/job/json_text.hpp"
#include "jobinit/job/parameter_keywords.hpp"

namespace jobinit::job {

// type, enum, const, properties, required, additionalProperties, minProperties, maxProperties, items, minItems,
// maxItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern; and, without effect,
// $schema, $comment, title, description, default, examples, deprecated. Patterns are RE2's.
void check_schema(const Json& schema, const Path& path, std::vector<Fault>& faults);

// The first thing about `value` that the schema does not allow, as what it must be: "at /items/3: must be an integer";
// empty: it is right. The schema is one that check_schema() finds nothing wrong with.
std::string violation(const Json& schema, const Json& value);

// Both for the published schema: what check_schema() takes, and its names.
Json schema_of_schemas();

}  // namespace jobinit::job
