// Reporting runs that were lost, for `watch` and for the next run in the same state folder.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>

#include "jobinit/commands/gather.hpp"
#include "jobinit/deliver/courier.hpp"
#include "jobinit/kernel/signals.hpp"

namespace jobinit::commands {

class LostRuns {
 public:
  // All of it must outlive this. Of the options, `is_stop_request` cuts a delivery short; environment and times are set
  // here.
  LostRuns(const Gathered& gathered, std::span<const std::string> environment, const kernel::SignalState& signals,
           const kernel::Fd& signalfd, deliver::CourierOptions options);

  // Delivers what there is to every sink, all of it within `time`, unless somebody asks to stop; what could not be
  // delivered stays for the next time. False when something did.
  bool report_all(const std::string& folder, Duration time);

 private:
  const Gathered& gathered_;
  std::span<const std::string> environment_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  deliver::CourierOptions options_;
  std::set<std::string> told_;  // problems, each of which is told once
};

}  // namespace jobinit::commands
