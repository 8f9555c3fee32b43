#include "template.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::string_view kEnvironment = "env:";
constexpr std::array<std::string_view, 4> kOfTheEvent{"event", "event.id", "event.time", "event.text"};

// Calls on_text(piece) and on_name(name) in turn. False when a "${" is not closed.
template <typename OnText, typename OnName>
bool walk(std::string_view text, OnText on_text, OnName on_name) {
  while (!text.empty()) {
    const std::size_t start = text.find("${");
    if (start == std::string_view::npos) {
      on_text(text);
      return true;
    }
    if (start > 0 && text[start - 1] == '$') {
      on_text(text.substr(0, start - 1));
      on_text("${");
      text.remove_prefix(start + 2);
      continue;
    }
    const std::size_t end = text.find('}', start);
    if (end == std::string_view::npos) {
      on_text(text);
      return false;
    }
    on_text(text.substr(0, start));
    on_name(text.substr(start + 2, end - start - 2));
    text.remove_prefix(end + 1);
  }
  return true;
}

std::string written(std::string_view value, Escape escape) {
  switch (escape) {
    case Escape::none: break;
    case Escape::json: return json_escaped(value);
    case Escape::percent: return percent_encoded(value);
    case Escape::header: return one_line(value);
  }
  return std::string(value);
}

std::optional<std::string> of_the_event(std::string_view name, const Event& event) {
  if (name == "event") {
    return std::string(event_name(event.kind));
  }
  if (name == "event.id") {
    return event.id;
  }
  if (name == "event.time") {
    return report::timestamp(event.time);
  }
  return name == "event.text" ? std::optional(event.text) : std::nullopt;
}

Document value_of(std::string_view name, const Event& event, Environment environment) {
  if (name.starts_with(kEnvironment)) {
    return lookup(environment, name.substr(kEnvironment.size())).value_or("");
  }
  if (const auto known = of_the_event(name, event)) {
    return *known;
  }
  const Document* found = find(event.report, name);
  return found == nullptr ? Document(nullptr) : *found;
}

std::string json_of(const Document& value) { return value.dump(-1, ' ', false, Document::error_handler_t::replace); }

std::string text_of(const Document& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  return value.is_null() ? "" : json_of(value);
}

// Whether what follows `piece` is between quotes.
bool quoted_after(std::string_view piece, bool quoted) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    if (piece[i] == '"') {
      quoted = !quoted;
    }
    i += quoted && piece[i] == '\\' ? 1U : 0U;
  }
  return quoted;
}

// What the report's own schema says is in it.
class Fields {
 public:
  Fields() : schema_(nlohmann::json::parse(report::report_schema())) {}

  bool has(std::string_view path) const {
    const nlohmann::json* here = &schema_;
    for (const std::string& name : split(path, ".")) {
      here = inside(resolved(here), name);
      if (here == nullptr) {
        return false;
      }
    }
    return !path.empty();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    add_names(&schema_, "", all);
    return all;
  }

 private:
  const nlohmann::json* resolved(const nlohmann::json* part) const {
    static constexpr std::string_view local = "#/$defs/";
    const auto reference = part->find("$ref");
    if (reference == part->end()) {
      return part;
    }
    const std::string name = reference->get<std::string>().substr(local.size());
    return &schema_.at("$defs").at(name);
  }

  static const nlohmann::json* inside(const nlohmann::json* part, const std::string& name) {
    if (const auto properties = part->find("properties"); properties != part->end() && properties->contains(name)) {
      return &(*properties)[name];
    }
    if (const auto more = part->find("additionalProperties"); more != part->end() && more->is_object()) {
      return &*more;
    }
    const auto items = part->find("items");
    return items != part->end() && parse_integer(name, 0, 1'000'000) ? &*items : nullptr;
  }

  void add_names(const nlohmann::json* part, const std::string& before, std::vector<std::string>& all) const {
    const auto properties = resolved(part)->find("properties");
    if (properties == resolved(part)->end()) {
      return;
    }
    for (const auto& [name, value] : properties->items()) {
      all.push_back(before + name);
      add_names(&value, before + name + ".", all);
    }
  }

  nlohmann::json schema_;
};

Result<void> unknown(std::string_view name, const Fields& fields) {
  const std::vector<std::string> owned = fields.names();
  std::vector<std::string_view> known(owned.begin(), owned.end());
  known.insert(known.end(), kOfTheEvent.begin(), kOfTheEvent.end());
  const std::string_view near = nearest(name, known);
  return near.empty() ? error("it has a ${{...}} that is no field of the report; jobinit schema report lists them")
                      : error("it has a ${{...}} that is no field of the report; did you mean ${{{}}}?", near);
}

}  // namespace

std::string filled(std::string_view text, Escape escape, const Event& event, Environment environment) {
  std::string out;
  bool quoted = false;
  walk(
      text,
      [&](std::string_view piece) {
        out += piece;
        quoted = quoted_after(piece, quoted);
      },
      [&](std::string_view name) {
        const Document value = value_of(name, event, environment);
        out += escape == Escape::json && !quoted ? json_of(value) : written(text_of(value), escape);
      });
  return out;
}

Result<void> check_template(std::string_view text, Escape escape) {
  std::vector<std::string_view> names;
  if (!walk(
          text, [](std::string_view) {}, [&](std::string_view name) { names.push_back(name); })) {
    return error("it has a ${{ without a }}");
  }
  std::optional<Fields> fields;
  for (const std::string_view name : names) {
    if (name.starts_with(kEnvironment) || of_the_event(name, {})) {
      continue;
    }
    if (!fields) {
      fields.emplace();
    }
    if (!fields->has(name)) {
      return unknown(name, *fields);
    }
  }
  if (escape == Escape::json && !nlohmann::json::accept(filled(text, escape, {}, {}))) {
    return error("its body is not JSON; give another type, such as type=text/plain, where that is meant");
  }
  return {};
}

}  // namespace jobinit::deliver
