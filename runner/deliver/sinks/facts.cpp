#include "facts.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "jobinit/base/moment.hpp"

namespace jobinit::deliver {

using report::Document;

const Document* find(const Document& report, std::string_view path) {
  const Document* here = &report;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string name(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
    if (here->is_object()) {
      const auto found = here->find(name);
      if (found == here->end()) {
        return nullptr;
      }
      here = &*found;
      continue;
    }
    const auto index = parse_integer(name, 0, 1'000'000);
    if (!here->is_array() || !index || static_cast<std::size_t>(*index) >= here->size()) {
      return nullptr;
    }
    here = &(*here)[static_cast<std::size_t>(*index)];
  }
  return here;
}

std::string text_at(const Document& report, std::string_view path) {
  const Document* found = find(report, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

std::optional<double> number_at(const Document& report, std::string_view path) {
  const Document* found = find(report, path);
  if (found == nullptr || !found->is_number()) {
    return std::nullopt;
  }
  const double number = found->get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<std::int64_t> integer_at(const Document& report, std::string_view path) {
  const Document* found = find(report, path);
  return found != nullptr && found->is_number_integer() ? std::optional(found->get<std::int64_t>()) : std::nullopt;
}

std::optional<std::int64_t> epoch_milliseconds_at(const Document& report, std::string_view path) {
  const auto moment = parse_moment(text_at(report, path));
  if (!moment || !moment->at) {
    return std::nullopt;
  }
  return moment->at->time_since_epoch().count();
}

std::string problem_lines(const report::Document& report) {
  std::string lines;
  if (const auto* problems = find(report, "outcome.problems"); problems != nullptr && problems->is_array()) {
    for (const auto& problem : *problems) {
      lines += problem.is_string() ? problem.get<std::string>() + "\n" : "";
    }
  }
  return lines;
}

bool succeeded(const Document& report) {
  const Document* found = find(report, "outcome.success");
  return found != nullptr && *found == true;
}

std::string run_id(const Document& report) { return text_at(report, "run_id"); }

}  // namespace jobinit::deliver
