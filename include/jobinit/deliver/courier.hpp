// PID 1's side of delivery at the end of a run: local sinks are written here, network sinks by a short-lived process of
// the same binary.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/deliver/deliver_process.hpp"
#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/kernel/signals.hpp"
#include "jobinit/supervise/machine.hpp"

namespace jobinit::deliver {

struct CourierOptions {
  ProcessOptions process;
  Duration timeout{};                                  // for all network sinks together
  std::function<bool(int)> is_stop_request;            // of a signal that arrives meanwhile
  Duration after_stop{};                               // the most that is left once a stop request arrives
  std::optional<supervise::TimePoint> not_later_than;  // the platform's SIGKILL, where it is known
  // What else needs some of the time until then; gives not_later_than, as it is known after that. May be empty.
  std::function<std::optional<supervise::TimePoint>(supervise::TimePoint until)> before_network;
  std::function<void(const std::string&)> note;  // for people; may be empty
};

// One result for each sink that wants to be told of the event, in the order of `sinks`. Never throws, and never
// outlives its deadline: a deliver process that hangs is killed, one that crashes is started once more, and what it had
// not answered counts as not delivered.
std::vector<Delivery> deliver_all(const std::vector<Sink>& sinks, const std::vector<std::string>& texts,
                                  const Event& event, const CourierOptions& options, const kernel::SignalState& signals,
                                  const kernel::Fd& signalfd);

}  // namespace jobinit::deliver
