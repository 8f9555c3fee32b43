// What is done with a job's output.
#pragma once

#include <functional>
#include <string_view>

#include "jobinit/base/log_limits.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/last_words.hpp"
#include "jobinit/logs/log_file.hpp"

namespace jobinit::logs {

struct LogPlan {
  TailLimits tail;
  // What a stream goes through, "stdout", "stderr", or "output" for both in one; made for each stream of each attempt.
  std::function<Stages(std::string_view stream)> stages = [](std::string_view) { return Stages(); };
  LogRate rate;  // of each stream
  LogOverflow overflow = LogOverflow::block;
  LogFile* file = nullptr;  // beside our own stdout and stderr, or
  bool only_to_file = false;
};

}  // namespace jobinit::logs
