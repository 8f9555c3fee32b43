#include "jobinit/job/json_text.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <stdexcept>

#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

constexpr int kDeepest = 64;
constexpr std::size_t kLongestShown = 200;  // characters of a pointer in a message

bool refuse_depth(int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
  if (depth > kDeepest) {
    throw std::length_error(fmt::format("nested deeper than {} levels", kDeepest));
  }
  return true;
}

// Goes through a text that is known to be JSON, with or without comments.
class Walk {
 public:
  // `visit` is told of every value below the document, before what is in it.
  using Visit = std::function<void(const Path& path, const Place& place)>;
  // Deeper values than `depth` are gone over in silence.
  Walk(std::string_view text, std::size_t depth, Visit visit) : text_(text), depth_(depth), visit_(std::move(visit)) {}

  void operator()() {
    if (text_.starts_with("\xEF\xBB\xBF")) {
      at_ = 3;  // a byte order mark, which the library skips, too
    }
    skip_blank();
    value();
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  char next() const { return done() ? '\0' : text_[at_]; }

  void advance(std::size_t count = 1) {
    for (; count > 0 && !done(); --count, ++at_) {
      if (text_[at_] == '\n') {
        ++here_.line;
        here_.column = 1;
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xC0U) != 0x80U) {
        ++here_.column;
      }
    }
  }

  void skip_comment() {
    const bool line = text_.substr(at_).starts_with("//");
    const std::size_t end = text_.find(line ? "\n" : "*/", at_ + 2);
    advance(std::min(end, text_.size()) - at_ + (line ? 0 : 2));
  }
  void skip_blank() {
    for (; !done(); next() == '/' ? skip_comment() : advance()) {
      if (next() != '/' && std::string_view(" \t\r\n").find(next()) == std::string_view::npos) {
        return;
      }
    }
  }

  // With its quotes.
  std::string_view string() {
    const std::size_t start = at_;
    advance();
    while (!done() && next() != '"') {
      advance(next() == '\\' ? 2 : 1);
    }
    advance();
    return text_.substr(start, at_ - start);
  }

  static std::string unquoted(std::string_view quoted) {
    if (quoted.find('\\') == std::string_view::npos) {
      return std::string(quoted.substr(1, quoted.size() - 2));
    }
    const Json name = Json::parse(quoted, nullptr, false);
    return name.is_string() ? name.get<std::string>() : std::string();
  }

  void value() {
    if (next() == '{' || next() == '[') {
      path_.size() < depth_ ? container() : skip_container();
    } else if (next() == '"') {
      string();
    } else {
      while (!done() && std::string_view(",]}/ \t\r\n").find(next()) == std::string_view::npos) {
        advance();
      }
    }
  }

  void skip_container() {
    int open = 0;
    do {
      const char c = next();
      if (c == '"') {
        string();
      } else if (c == '/') {
        skip_comment();
      } else {
        open += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        advance();
      }
    } while (open > 0 && !done());
  }

  void container() {
    const bool object = next() == '{';
    const char end = object ? '}' : ']';
    advance();
    for (std::size_t index = 0;; ++index) {
      skip_blank();
      if (next() == ',') {
        advance();
        skip_blank();
      }
      if (done() || next() == end) {
        advance();
        return;
      }
      Place place;
      place.key = here_;
      path_.push_back(object ? unquoted(string()) : fmt::format("{}", index));
      if (object) {
        skip_blank();
        advance();  // the colon
        skip_blank();
      }
      place.value = here_;
      visit_(path_, place);
      value();
      path_.pop_back();
    }
  }

  std::string_view text_;
  std::size_t depth_;
  Visit visit_;
  std::size_t at_ = 0;
  Position here_;
  Path path_;
};

// Names differ most at their ends: from there.
bool same(const Path& a, const Path& b) { return a.size() == b.size() && std::equal(a.rbegin(), a.rend(), b.rbegin()); }

}  // namespace

Result<Json> read_json(std::string_view text, Comments comments) {
  try {
    return Json::parse(text, refuse_depth, true, comments == Comments::allowed);
  } catch (const Json::exception& failure) {
    // The library's text tells line and column, after a code of its own in brackets.
    std::string message = failure.what();
    if (const std::size_t bracket = message.find("] "); bracket != std::string::npos) {
      message.erase(0, bracket + 2);
    }
    message.resize(std::min(message.find("; last read"), message.size()));  // which may be a password
    return error("{}", valid_utf8(message));
  } catch (const std::length_error& failure) {
    return error("{}", failure.what());
  }
}

std::string pointer_text(const Path& path) {
  std::string pointer;
  for (const std::string& token : path) {
    pointer += '/';
    for (const char c : token) {
      pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
  }
  return printable(pointer, kLongestShown);
}

std::optional<Path> parse_pointer(std::string_view pointer) {
  Path path;
  if (!pointer.empty() && !pointer.starts_with('/')) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      path.emplace_back();
    } else if (pointer[i] != '~') {
      path.back() += pointer[i];
    } else if (++i < pointer.size() && (pointer[i] == '0' || pointer[i] == '1')) {
      path.back() += pointer[i] == '0' ? '~' : '/';
    } else {
      return std::nullopt;
    }
  }
  return path;
}

const Json* find_value(const Json& document, const Path& path) {
  const Json* value = &document;
  for (const std::string& token : path) {
    if (value->is_object()) {
      const auto found = value->find(token);
      if (found == value->end()) {
        return nullptr;
      }
      value = &*found;
    } else if (value->is_array()) {
      const bool number = !token.empty() && token.find_first_not_of("0123456789") == std::string::npos &&
                          (token == "0" || token.front() != '0');
      const auto index = number ? parse_integer(token, 0, static_cast<std::int64_t>(value->size()) - 1)
                                : Result<std::int64_t>(error("no index"));
      if (!index) {
        return nullptr;
      }
      value = &(*value)[static_cast<std::size_t>(*index)];
    } else {
      return nullptr;
    }
  }
  return value;
}

std::optional<Place> locate(std::string_view text, const Path& path) {
  std::optional<Place> found;
  Walk(text, path.size(), [&](const Path& here, const Place& place) {
    if (same(here, path)) {
      found = place;
    }
  })();
  return found;
}

std::vector<std::pair<Path, Place>> locate_all(std::string_view text, std::size_t depth) {
  std::vector<std::pair<Path, Place>> places;
  Walk(text, depth, [&](const Path& path, const Place& place) { places.emplace_back(path, place); })();
  return places;
}

std::vector<Duplicate> duplicate_names(std::string_view text) {
  std::vector<Duplicate> duplicates;
  std::vector<std::set<std::string>> seen;  // of the objects that are open, outermost first
  Walk(text, kDeepest + 1, [&](const Path& path, const Place& place) {
    if (path.size() > seen.size()) {
      seen.emplace_back();
    } else if (path.size() < seen.size()) {
      seen.resize(path.size());
    }
    if (!seen.back().insert(path.back()).second) {
      duplicates.push_back({path, place});
    }
  })();
  return duplicates;
}

}  // namespace jobinit::job
