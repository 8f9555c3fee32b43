// JSON that people and schedulers write: read with a limit to its depth, and looked up by line and column.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/result.hpp"

namespace jobinit::job {

// By name: the library's other kind, in the order in which it was written, takes quadratic time to read.
using Json = nlohmann::json;

enum class Comments { refused, allowed };

// Errors tell line and column, and repeat nothing of the text: it may be a secret. Deeper than 64 levels is an error:
// the library writes recursively what it reads in a loop.
Result<Json> read_json(std::string_view text, Comments comments = Comments::refused);

// The way from the document to one of its values: names, and numbers as texts.
using Path = std::vector<std::string>;

// RFC 6901: "/parameters/MEDIA/values/0"; "" for the document. For messages: control characters are escaped.
std::string pointer_text(const Path& path);
// The same taken apart; nullopt: not a pointer.
std::optional<Path> parse_pointer(std::string_view pointer);
// The value there; null where there is none.
const Json* find_value(const Json& document, const Path& path);

// Both count from 1; columns are characters.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

struct Place {
  Position key;  // of an item of an array: its value's
  Position value;
};

// Where in a text, which read_json() has taken, the value at `path` stands; nullopt: nowhere. Takes the time to read
// the text once.
std::optional<Place> locate(std::string_view text, const Path& path);
// The same for everything down to that depth, in the order of the text; 1: the members of the document.
std::vector<std::pair<Path, Place>> locate_all(std::string_view text, std::size_t depth);

// Names that an object has twice, of which the library keeps the last without a word.
struct Duplicate {
  Path path;
  Place place;
};
std::vector<Duplicate> duplicate_names(std::string_view text);

}  // namespace jobinit::job
