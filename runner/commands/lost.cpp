#include "jobinit/commands/lost.hpp"

#include <nlohmann/json.hpp>

#include "jobinit/deliver/courier.hpp"
#include "jobinit/deliver/state_dir.hpp"

namespace jobinit::commands {

LostRuns::LostRuns(const Gathered& gathered, std::span<const std::string> environment,
                   const kernel::SignalState& signals, const kernel::Fd& signalfd, deliver::CourierOptions options)
    : gathered_(gathered),
      environment_(environment),
      signals_(signals),
      signalfd_(signalfd),
      options_(std::move(options)) {}

bool LostRuns::report_all(const std::string& folder, Duration time) {
  const auto until = std::chrono::steady_clock::now() + time;
  std::vector<std::string> problems;
  bool all = true;
  bool stopped = false;
  for (const deliver::AbandonedRun& run : deliver::find_abandoned(folder, problems)) {
    if (stopped || std::chrono::steady_clock::now() >= until) {
      all = false;
      continue;
    }
    deliver::CourierOptions options = options_;
    const deliver::ProcessOptions process = process_options(gathered_, environment_);
    options.process.environment = process.environment;
    options.process.tls = process.tls;
    options.timeout = gathered_.resolved.settings.report_timeout;
    options.after_stop = gathered_.resolved.settings.report_reserve;
    options.is_stop_request = [&](int signal) {
      const bool stop = options_.is_stop_request(signal);
      stopped = stopped || stop;
      return stop;
    };
    options.not_later_than = until;
    bool delivered = true;
    for (const deliver::Delivery& one :
         deliver::deliver_all(gathered_.sinks, gathered_.sink_texts, deliver::finished_event(run.report), options,
                              signals_, signalfd_)) {
      if (!one.delivered) {
        delivered = false;
        problems.push_back(fmt::format("report to {} not delivered, to be tried again: {}", one.sink, one.detail));
      }
    }
    if (delivered) {
      tell(fmt::format("{} (run {})", run.report["outcome"].value("summary", std::string()),
                       run.report.value("run_id", std::string())));
      deliver::remove(run);
    }
    all = all && delivered;
  }
  for (const std::string& problem : problems) {
    if (told_.insert(problem).second) {
      tell(problem);
    }
  }
  return all && problems.empty();
}

}  // namespace jobinit::commands
