// PID 1's side of delivery: local sinks are written here, network sinks by a short-lived process of the same binary.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/kernel/signals.hpp"
#include "jobinit/supervise/machine.hpp"

namespace jobinit::deliver {

struct CourierOptions {
  std::vector<std::string> environment;                // for the deliver process: proxies, CA certificates
  Duration timeout{};                                  // for all network sinks together
  std::function<bool(int)> is_stop_request;            // of a signal that arrives meanwhile
  Duration after_stop{};                               // the most that is left once a stop request arrives meanwhile
  std::optional<int> oom_score_adj;                    // for the deliver process, which is not to be spared as we are
  const kernel::Fd* own_oom_score_adj = nullptr;       // see supervise::LaunchOptions
  std::optional<supervise::TimePoint> not_later_than;  // the platform's SIGKILL, where it is known
};

// One result for each sink that wants to be told of the event, in the order of `sinks`. Never throws, and never
// outlives its deadline: a deliver process that hangs or crashes is killed, and what it had not answered counts as not
// delivered.
std::vector<Delivery> deliver_all(const std::vector<Sink>& sinks, const std::vector<std::string>& texts,
                                  const Event& event, const CourierOptions& options, const kernel::SignalState& signals,
                                  const kernel::Fd& signalfd);

}  // namespace jobinit::deliver
