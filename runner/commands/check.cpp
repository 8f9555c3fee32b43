// jobinit check: whether a run would be refused, for the CI of application images and for whoever is about to start
// one.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::commands {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr int kRefused = 125;

// What is check's own among the arguments; the rest are settings.
struct Wanted {
  bool json = false;
  bool markdown = false;
  bool file_alone = false;  // what holds for every run: values are not asked for
  std::vector<std::string> environment;
  std::vector<std::string> arguments;
  std::vector<char*> raw;
  std::vector<std::string> problems;
};

// docker run's --env-file: NAME=value as it stands, NAME for the caller's own, # a comment.
void add_env_file(const std::string& path, Wanted& wanted) {
  const auto content = kernel::read_file(path);
  if (!content) {
    wanted.problems.push_back(fmt::format("--env-file: {}", content.failure().message));
    return;
  }
  for (std::string& line : split(*content, "\n")) {
    if (line.ends_with('\r')) {
      line.pop_back();
    }
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == '#') {
      continue;
    }
    line.erase(0, start);
    const std::size_t equals = line.find('=');
    if (equals == 0) {
      wanted.problems.push_back(fmt::format("--env-file: a line of {} begins with =", path));
    } else if (equals != std::string::npos) {
      set_variable(wanted.environment, line.substr(0, equals), line.substr(equals + 1));
    }
  }
}

Wanted take_own(const Invocation& invocation) {
  Wanted wanted;
  wanted.environment.assign(invocation.environment.begin(), invocation.environment.end());
  const std::span<const std::string> given = invocation.arguments;
  const auto keep = [&](std::size_t from, std::size_t to) {
    for (std::size_t at = from; at < to; ++at) {
      wanted.arguments.push_back(given[at]);
      if (at < invocation.raw_arguments.size()) {
        wanted.raw.push_back(invocation.raw_arguments[at]);
      }
    }
  };
  for (std::size_t at = 0; at < given.size(); ++at) {
    const std::string_view word = given[at];
    if (word == "--" || !word.starts_with('-')) {
      keep(at, given.size());
      break;
    }
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    if (name == "--static") {
      wanted.file_alone = true;
      continue;
    }
    if (name != "--env-file" && name != "--output" && name != "--docs") {
      const cli::Setting* setting = name.starts_with("--") ? cli::find_by_flag(name.substr(2)) : nullptr;
      const bool takes_next = setting != nullptr && !setting->boolean() && equals == std::string_view::npos;
      const std::size_t end = std::min(at + (takes_next ? 2 : 1), given.size());
      keep(at, end);
      at = end - 1;
      continue;
    }
    if (equals == std::string_view::npos && at + 1 == given.size()) {
      wanted.problems.push_back(fmt::format("{}: needs a value", name));
      break;
    }
    const std::string value(equals != std::string_view::npos ? word.substr(equals + 1) : std::string_view(given[++at]));
    if (name == "--env-file") {
      add_env_file(value, wanted);
    } else if (name == "--output" && (value == "json" || value == "text")) {
      wanted.json = value == "json";
    } else if (name == "--docs" && value == "markdown") {
      wanted.markdown = true;
    } else {
      wanted.problems.push_back(fmt::format("{}: there is {}", name, name == "--docs" ? "markdown" : "text and json"));
    }
  }
  return wanted;
}

// In a table, a bar ends a cell, and a line break the row.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : printable(text, 400)) {
    escaped += c == '|' ? "\\|" : std::string(1, c);
  }
  return escaped;
}
std::string code(std::string_view text) { return text.empty() ? "" : fmt::format("`{}`", cell(text)); }

std::string default_text(const job::Parameter& parameter) {
  if (!parameter.default_value) {
    return parameter.required ? "required" : "";
  }
  if (parameter.secret) {
    return "a secret";
  }
  return code(parameter.default_value->is_string() ? parameter.default_value->get<std::string>()
                                                   : parameter.default_value->dump());
}

std::string markdown_table(const std::vector<job::Parameter>& parameters) {
  std::string text =
      "| parameter | what | value | default | example |\n"
      "|---|---|---|---|---|\n";
  for (const job::Parameter& parameter : parameters) {
    text += fmt::format("| {} | {} | {}{} | {} | {} |\n", code(parameter.name), cell(parameter.description),
                        cell(job::constraints_of(parameter)), parameter.secret ? ", secret" : "",
                        default_text(parameter), code(job::example_of(parameter)));
  }
  return text;
}

// "FILE:LINE:COLUMN POINTER: message" taken apart, where a problem is of that form.
Json as_json(const std::string& problem, const std::string& file) {
  Json parts{{"message", problem}, {"file", nullptr}, {"line", nullptr}, {"column", nullptr}, {"pointer", nullptr}};
  if (file.empty() || !problem.starts_with(file + ":")) {
    return parts;
  }
  const std::string_view rest = std::string_view(problem).substr(file.size() + 1);
  const std::size_t colon = rest.find(':');
  const std::size_t blank = rest.find(' ');
  const std::size_t end = rest.find(": ", std::min(blank, rest.size()));
  if (colon >= blank || end == std::string_view::npos) {
    return parts;
  }
  const auto line = parse_integer(rest.substr(0, colon), 1, INT64_MAX);
  const auto column = parse_integer(rest.substr(colon + 1, blank - colon - 1), 1, INT64_MAX);
  if (line && column) {
    parts = {{"message", rest.substr(end + 2)},
             {"file", file},
             {"line", *line},
             {"column", *column},
             {"pointer", rest.substr(blank + 1, end - blank - 1)}};
  }
  return parts;
}

std::string json_text(const Gathered& gathered) {
  Json document{{"ok", gathered.problems.empty()}, {"problems", Json::array()}, {"parameters", Json::object()}};
  for (const std::string& problem : gathered.problems) {
    document["problems"].push_back(as_json(valid_utf8(problem), gathered.job_file.path));
  }
  for (const job::Assigned& one : gathered.parameters.all) {
    document["parameters"][one.parameter->name] = {
        {"value", one.value ? Json(valid_utf8(job::shown(one))) : Json(nullptr)},
        {"source", one.where.empty() ? Json(nullptr) : Json(one.where)}};
  }
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool write(const std::string& text) { return kernel::write_patiently(1, text, 10s); }

}  // namespace

int check(const Invocation& invocation) {
  kernel::hide_memory(true);
  const Wanted wanted = take_own(invocation);
  Gathered gathered = gather({wanted.arguments, wanted.environment, wanted.raw});
  if (gathered.arguments.help) {
    return write(cli::help_text()) ? 0 : kRefused;
  }
  gathered.problems.insert(gathered.problems.begin(), wanted.problems.begin(), wanted.problems.end());
  take_operands_as_command(gathered);
  if (!wanted.file_alone) {
    check_launch(gathered);
    take_parameters(gathered, wanted.environment);
    check_command(gathered);
  }
  bool told = true;
  if (wanted.markdown) {
    told = write(markdown_table(gathered.job_file.parameters));
  } else if (wanted.json) {
    told = write(json_text(gathered));
  } else if (gathered.problems.empty()) {
    told = write("jobinit: nothing is wrong\n");
  }
  if (!wanted.json) {
    for (const std::string& problem : gathered.problems) {
      tell(problem);
    }
  }
  return gathered.problems.empty() && told ? 0 : kRefused;
}

}  // namespace jobinit::commands
