#include "jobinit/job/job_file.hpp"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace jobinit::job {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 64;

std::string scalar_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool is_scalar(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }

// The texts that a flag would have given; nullopt: a value of a kind that the setting cannot have.
std::optional<std::vector<std::string>> texts_of(const cli::Setting& setting, const Json& value) {
  if (is_scalar(value)) {
    return cli::split_values(setting, scalar_text(value));
  }
  if (setting.flag == "command" && value.is_array()) {
    return std::vector{value.dump()};
  }
  if (!setting.repeatable) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  if (value.is_array()) {
    for (const Json& item : value) {
      if (!is_scalar(item)) {
        return std::nullopt;
      }
      texts.push_back(scalar_text(item));
    }
    return texts;
  }
  if (value.is_object()) {  // {"timeout": 75} is timeout=75
    for (const auto& [key, item] : value.items()) {
      if (!is_scalar(item)) {
        return std::nullopt;
      }
      texts.push_back(key + "=" + scalar_text(item));
    }
    return texts;
  }
  return std::nullopt;
}

// The library writes recursively what it reads in a loop: a file of a million brackets must not end PID 1.
bool refuse_depth(int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
  if (depth > kDeepest) {
    throw std::length_error(fmt::format("nested deeper than {} levels", kDeepest));
  }
  return true;
}

std::string unknown_key(const std::string& key, const std::string& where) {
  std::vector<std::string> known;
  for (const cli::Setting& setting : cli::settings_table()) {
    if (setting.in_job_file) {
      known.push_back(setting.key());
    }
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = nearest(key, candidates);
  return near.empty() ? fmt::format("{}: no such setting \"{}\"", where, key)
                      : fmt::format("{}: no such setting \"{}\"; did you mean \"{}\"?", where, key, near);
}

}  // namespace

cli::Parsed parse_job_file(const std::string& text, const std::string& where) {
  cli::Parsed parsed;
  Json document;
  try {
    document = Json::parse(text, refuse_depth, true, /*ignore_comments=*/true);
  } catch (const Json::exception& failure) {
    // The library's text tells line and column, after a code of its own in brackets.
    std::string message = failure.what();
    if (const std::size_t bracket = message.find("] "); bracket != std::string::npos) {
      message.erase(0, bracket + 2);
    }
    message.resize(std::min(message.find("; last read"), message.size()));  // which may be a password
    parsed.problems.push_back(fmt::format("{}: {}", where, valid_utf8(message)));
    return parsed;
  } catch (const std::length_error& failure) {
    parsed.problems.push_back(fmt::format("{}: {}", where, failure.what()));
    return parsed;
  }
  if (!document.is_object()) {
    parsed.problems.push_back(fmt::format("{}: must be a JSON object such as {{\"timeout\": \"15m\"}}", where));
    return parsed;
  }
  for (const auto& [key, value] : document.items()) {
    const cli::Setting* setting = cli::find_by_key(key);
    if (setting == nullptr || !setting->in_job_file) {
      parsed.problems.push_back(unknown_key(key, where));
      continue;
    }
    const std::string place = fmt::format("\"{}\" in {}", key, where);
    if (auto texts = texts_of(*setting, value)) {
      parsed.given.push_back({cli::Source::job_file, place, setting, std::move(*texts)});
    } else {
      parsed.problems.push_back(fmt::format("{}: {} is not a value this setting can have", place, value.type_name()));
    }
  }
  return parsed;
}

cli::Parsed load_job_file(const std::string& path, const kernel::Root& root) {
  const std::string file = path.empty() ? root(kUsualJobFile) : path;
  const auto text = kernel::read_file(file);
  if (text) {
    return parse_job_file(*text, file);
  }
  if (path.empty() && (text.failure().code == ENOENT || text.failure().code == ENOTDIR)) {
    return {};
  }
  cli::Parsed parsed;
  parsed.problems.push_back(fmt::format("job file: {}", text.failure().message));
  return parsed;
}

}  // namespace jobinit::job
