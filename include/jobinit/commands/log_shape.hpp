// What the job's output goes through on its way, as the settings say.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/cli/settings.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/pattern.hpp"
#include "jobinit/logs/secrets.hpp"

namespace jobinit::commands {

class LogShape {
 public:
  LogShape() = default;  // raw
  // `secrets`: what else must not be seen in the log. Adds to `problems` what is wrong with the patterns.
  LogShape(const cli::Settings& settings, std::span<const std::string> environment,
           std::span<const std::string> secrets, std::vector<std::string>& problems);

  // For one stream of one attempt ("stdout", "stderr", or "output" for both in one).
  logs::Stages stages(std::string_view stream, const std::string& job, const std::string& run_id) const;

 private:
  std::unique_ptr<logs::Encoder> format(std::string_view stream, const std::string& job,
                                        const std::string& run_id) const;

  LogFormat format_ = LogFormat::raw;
  std::vector<LogField> fields_;
  LogTime time_ = LogTime::microseconds;
  Colours colours_ = Colours::never;
  bool plain_terminal_ = false;  // the environment asks for no colours
  std::size_t longest_ = 0;
  bool strip_ansi_ = false;
  std::shared_ptr<const logs::Pattern> begins_;
  std::shared_ptr<const logs::Pattern> masked_;
  std::shared_ptr<const logs::Secrets> secrets_;
};

// The values of the variables that --mask names. `notes`: what about them is not as it was meant.
std::vector<std::string> masked_values(const cli::Settings& settings, std::span<const std::string> environment,
                                       std::vector<std::string>& notes);

}  // namespace jobinit::commands
