// jobinit watch DIR: reports runs whose PID 1 died without a word, as soon as that happens.
#include <algorithm>

#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/commands/lost.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/lock.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::commands {
namespace {

using namespace std::chrono_literals;

// A lock that falls is noticed at once on the machine where it does; on a network file system, or after a delivery that
// failed, at this pace.
constexpr Duration kLookEvery = 10s;
// The event of a file's end comes a moment before its lock is gone (__fput() in fs/file_table.c).
constexpr Duration kLookAfter = 50ms;

// For all that is found in one look; the rest waits for the next.
constexpr Duration kPatience = 1min;

class Watcher {
 public:
  explicit Watcher(const Invocation& invocation) : environment_(invocation.environment) {}

  int run(const Gathered& gathered, const std::string& folder, bool once) {
    signals_ = kernel::block_signals();
    const auto signalfd = kernel::open_signalfd(signals_);
    auto watch = kernel::FolderWatch::open(folder);
    if (!signalfd || !watch) {
      tell(signalfd ? watch.failure().message : signalfd.failure().message);
      return 125;
    }
    deliver::CourierOptions options;
    options.is_stop_request = [this](int signal) { return note_stop(signal); };
    LostRuns lost(gathered, environment_, signals_, *signalfd, options);
    const bool all = lost.report_all(folder, kPatience);
    if (once) {
      return all ? 0 : 1;
    }
    while (!stopped_) {
      kernel::wait_until_readable({watch->fd().get(), signalfd->get()}, kLookEvery);
      watch->drain();
      for (const kernel::ReceivedSignal& signal : kernel::read_signals(*signalfd)) {
        note_stop(signal.number);
      }
      kernel::reap_dead();  // as PID 1 of a sidecar, orphans are ours too
      kernel::wait_until_readable({signalfd->get()}, kLookAfter);
      lost.report_all(folder, kPatience);
    }
    return 0;
  }

 private:
  bool note_stop(int signal) {
    const bool stop = signal == SIGTERM || signal == SIGINT;
    stopped_ = stopped_ || stop;
    return stop;
  }

  std::span<const std::string> environment_;
  kernel::SignalState signals_;
  bool stopped_ = false;
};

}  // namespace

int watch(const Invocation& invocation) {
  kernel::ensure_standard_fds();
  kernel::hide_memory(true);
  std::vector<std::string> arguments(invocation.arguments.begin(), invocation.arguments.end());
  std::vector<char*> raw(invocation.raw_arguments.begin(), invocation.raw_arguments.end());
  bool once = false;
  std::string folder;
  // "watch DIR --once --report-to SINK": what is this subcommand's own may stand anywhere before the options' values.
  if (!arguments.empty() && !arguments.front().starts_with("-")) {
    folder = arguments.front();
    arguments.erase(arguments.begin());
    raw.erase(raw.begin());
  }
  if (!arguments.empty() && arguments.front() == "--once") {
    once = true;
    arguments.erase(arguments.begin());
    raw.erase(raw.begin());
  }
  Gathered gathered = gather({arguments, invocation.environment, raw});
  if (gathered.arguments.help) {
    return kernel::write_patiently(1, cli::help_text(), 10s) ? 0 : 125;
  }
  if (folder.empty()) {
    folder = gathered.resolved.settings.state_dir;
  }
  if (!gathered.arguments.operands.empty()) {
    gathered.problems.push_back(fmt::format("watch: {} is one argument too many", gathered.arguments.operands.front()));
  }
  if (folder.empty()) {
    gathered.problems.emplace_back("watch: which folder? Name it, or give --state-dir");
  }
  if (gathered.sinks.empty() && gathered.problems.empty()) {
    gathered.problems.emplace_back("watch: report to whom? Give --report-to, or JOBINIT_REPORT_TO");
  }
  for (const std::string& problem : gathered.problems) {
    tell(problem);
  }
  return gathered.problems.empty() ? Watcher(invocation).run(gathered, folder, once) : 125;
}

}  // namespace jobinit::commands
