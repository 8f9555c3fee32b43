// What is done with a job's output.
#pragma once

#include <functional>
#include <string_view>

#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/last_words.hpp"

namespace jobinit::logs {

struct LogPlan {
  TailLimits tail;
  // What a stream goes through, "stdout", "stderr", or "output" for both in one; made for each stream of each attempt.
  std::function<Stages(std::string_view stream)> stages = [](std::string_view) { return Stages(); };
};

}  // namespace jobinit::logs
