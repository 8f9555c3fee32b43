#include "jobinit/commands/log_shape.hpp"

#include "jobinit/base/environment.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/kernel/terminal.hpp"
#include "jobinit/logs/ansi.hpp"
#include "jobinit/logs/chain.hpp"
#include "jobinit/logs/format.hpp"
#include "jobinit/logs/pattern_masker.hpp"

namespace jobinit::commands {
namespace {

std::shared_ptr<const logs::Pattern> compile(std::string_view flag, const std::string& expression,
                                             std::vector<std::string>& problems) {
  if (expression.empty()) {
    return nullptr;
  }
  auto pattern = logs::Pattern::compile(std::span(&expression, 1));
  if (!pattern) {
    problems.push_back(fmt::format("{}: {}", flag, pattern.failure().message));
    return nullptr;
  }
  return *pattern;
}

// no-color.org; and what terminals call themselves that know none.
bool asks_for_no_colours(std::span<const std::string> environment) {
  const auto no_color = lookup(environment, "NO_COLOR");
  return (no_color && !no_color->empty()) || lookup(environment, "TERM") == "dumb";
}

}  // namespace

LogShape::LogShape(const cli::Settings& settings, std::span<const std::string> environment,
                   std::span<const std::string> secrets, std::vector<std::string>& problems)
    : format_(settings.log_format),
      fields_(settings.log_fields),
      time_(settings.log_time),
      colours_(settings.log_color),
      plain_terminal_(asks_for_no_colours(environment)),
      longest_(settings.log_max_line),
      strip_ansi_(settings.log_strip_ansi),
      begins_(compile("log-multiline", settings.log_multiline, problems)),
      masked_(compile("mask-pattern", settings.mask_pattern, problems)),
      secrets_(logs::Secrets::make(secrets)) {
  if (masked_ != nullptr && masked_->matches("")) {
    problems.push_back(
        fmt::format("mask-pattern: \"{}\" matches where there is nothing to be masked", settings.mask_pattern));
  }
  if (fields_.empty()) {
    fields_ = {LogField::time, LogField::stream, LogField::msg};
    if (format_ == LogFormat::json) {
      fields_.insert(fields_.end(), {LogField::job, LogField::run_id});
    }
  }
}

logs::Stages LogShape::stages(std::string_view stream, const std::string& job, const std::string& run_id) const {
  logs::Stages stages;
  // Stripped first, so that a secret with a colour in its middle is found.
  if (strip_ansi_) {
    stages.filter = std::make_unique<logs::AnsiStripper>();
  }
  if (secrets_ != nullptr) {
    stages.filter = logs::chain(std::move(stages.filter), std::make_unique<logs::SecretMasker>(secrets_));
  }
  if (masked_ != nullptr) {
    stages.filter = logs::chain(std::move(stages.filter), std::make_unique<logs::PatternMasker>(masked_, longest_));
  }
  stages.format = format(stream, job, run_id);
  return stages;
}

std::unique_ptr<logs::Encoder> LogShape::format(std::string_view stream, const std::string& job,
                                                const std::string& run_id) const {
  logs::FormatOptions options;
  options.stream = stream;
  options.job = job;
  options.run_id = run_id;
  options.fields = fields_;
  options.time = time_;
  options.longest = longest_;
  options.begins = begins_;
  const bool on_terminal = kernel::is_terminal(stream == "stderr" ? 2 : 1) && !plain_terminal_;
  options.colours = colours_ == Colours::always || (colours_ == Colours::automatic && on_terminal);
  switch (format_) {
    case LogFormat::raw: return nullptr;
    case LogFormat::text: return logs::make_text_format(options);
    case LogFormat::json: return logs::make_json_format(options);
  }
  return nullptr;
}

std::vector<std::string> masked_values(const cli::Settings& settings, std::span<const std::string> environment,
                                       std::vector<std::string>& notes) {
  std::vector<std::string> values;
  for (const std::string& pattern : settings.mask) {
    bool found = false;
    for (const std::string& entry : environment) {
      const std::size_t equals = std::min(entry.find('='), entry.size());
      const std::string_view name = std::string_view(entry).substr(0, equals);
      if (equals == entry.size() || !matches(name, pattern)) {
        continue;
      }
      found = true;
      std::string value = entry.substr(equals + 1);
      if (logs::Secrets::long_enough(value)) {
        values.push_back(std::move(value));
      } else if (!value.empty()) {
        notes.push_back(
            fmt::format("mask: the value of {} is not masked: of less than {} characters, it would be found "
                        "everywhere",
                        name, logs::kShortestSecret));
      }
    }
    if (!found && pattern.find_first_of("*?") == std::string::npos) {
      notes.push_back(fmt::format("mask: there is no variable {}", pattern));
    }
  }
  return values;
}

}  // namespace jobinit::commands
