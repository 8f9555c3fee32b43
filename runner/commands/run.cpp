// jobinit run: from settings to exit code.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/deliver/courier.hpp"
#include "jobinit/job/job_spec.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/report/report.hpp"
#include "jobinit/report/version.hpp"
#include "jobinit/supervise/supervisor.hpp"

namespace jobinit::commands {
namespace {

using supervise::Outcome;

constexpr int kRefused = 125;
// Between jobinit's last word and the platform's SIGKILL.
constexpr Duration kLastBreath = std::chrono::milliseconds(200);

supervise::Policy make_policy(const cli::Settings& settings) {
  supervise::Policy policy;
  policy.timeout = settings.timeout;
  policy.idle_timeout = settings.idle_timeout;
  policy.forward = settings.forward;
  policy.rewrite = settings.rewrite_signal;
  policy.leftovers = settings.leftovers;
  policy.stop_signal = settings.stop_signal.number;
  policy.interactive = kernel::is_terminal(0);
  policy.stop_grace = settings.stop_grace;
  policy.report_reserve = settings.report_reserve;
  policy.leftover_grace = settings.leftover_grace;
  policy.drain_timeout = settings.drain_timeout;
  return policy;
}

supervise::ExitPolicy make_exit_policy(const cli::Settings& settings) {
  return {settings.success_codes, settings.exit_code, settings.remap_exit};
}

std::string deliveries_part(const std::vector<deliver::Delivery>& deliveries) {
  if (deliveries.empty()) {
    return "";
  }
  const auto good = std::count_if(deliveries.begin(), deliveries.end(), [](const auto& one) { return one.delivered; });
  const std::size_t all = deliveries.size();
  if (static_cast<std::size_t>(good) == all) {
    return fmt::format(", {} report{} delivered", all, all == 1 ? "" : "s");
  }
  return fmt::format(", {} of {} reports delivered", good, all);
}

class Run {
 public:
  explicit Run(const Invocation& invocation) : invocation_(invocation) {}

  int operator()() {
    // Before anything else: no signal may be lost, and no descriptor of ours may become the job's stdout.
    kernel::ensure_standard_fds();
    signals_ = kernel::block_signals();
    kernel::hide_memory(true);
    gathered_ = gather(invocation_);
    cli::Settings& settings = gathered_.resolved.settings;
    if (gathered_.arguments.help || gathered_.arguments.version) {
      return inform();
    }
    if (const std::string unused = take_operands_as_command(gathered_); !unused.empty()) {
      tell(fmt::format("note: {} is not used, since the arguments name a command", unused));
    }
    check_command();
    subject_ = {kernel::make_uuid_v7(), job::job_name(settings, gathered_.platform.job_name),
                settings.command,       gathered_.platform.name,
                gathered_.platform.ids, kernel::host_name(),
                settings.timeout};
    auto signalfd = kernel::open_signalfd();
    if (!signalfd) {
      return without_start(Cause::internal, {signalfd.failure().message}, kernel::Fd());
    }
    if (!gathered_.problems.empty()) {
      return without_start(Cause::rejected, gathered_.problems, *signalfd);
    }
    if (kernel::own_pid() != 1) {
      if (const auto done = kernel::become_subreaper(); !done) {
        tell(fmt::format("warning: {}; orphans of the job will not be reaped here", done.failure().message));
      }
    }
    return finish(supervise::supervise(make_plan(), signals_, *signalfd), *signalfd);
  }

 private:
  int inform() const {
    const std::string text =
        gathered_.arguments.help ? cli::help_text() : fmt::format("jobinit {}\n", report::kVersion);
    return kernel::write_patiently(1, text, std::chrono::seconds(10)) ? 0 : kRefused;
  }

  void check_command() {
    const std::vector<std::string>& command = gathered_.resolved.settings.command;
    if (command.empty() && gathered_.problems.empty()) {
      gathered_.problems.emplace_back(
          "no command: give one after --, in JOBINIT_COMMAND, or as \"command\" in the job file; see jobinit --help");
    } else if (!command.empty() && command.front().empty()) {
      gathered_.problems.emplace_back("the command's name is empty");
    }
  }

  supervise::RunPlan make_plan() const {
    const cli::Settings& settings = gathered_.resolved.settings;
    const job::JobSpec spec = job::make_job_spec(settings, invocation_.environment, gathered_.platform.job_name);
    supervise::RunPlan plan;
    plan.launch.argv = spec.argv;
    plan.launch.environment = spec.environment;
    plan.launch.oom_score_adj = settings.oom_score_adj;
    plan.policy = make_policy(settings);
    plan.exits = make_exit_policy(settings);
    plan.tail = settings.tail;
    return plan;
  }

  int without_start(Cause cause, std::vector<std::string> problems, const kernel::Fd& signalfd) {
    Outcome outcome;
    outcome.started_at = outcome.ended_at = std::chrono::system_clock::now();
    outcome.verdict = supervise::judge(cause, kRefused, make_exit_policy(gathered_.resolved.settings));
    outcome.problems = std::move(problems);
    return finish(std::move(outcome), signalfd);
  }

  // Reports, tells, and gives the exit code back.
  int finish(Outcome outcome, const kernel::Fd& signalfd) {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (outcome.platform_kill_at) {
      hurry(*outcome.platform_kill_at - kLastBreath);
    }
    // Problems are told even when --quiet: a refusal without a word is what jobinit is there to end. The summary of any
    // other ending has them in it.
    if (outcome.verdict.cause == Cause::rejected || settings.quiet) {
      for (const std::string& problem : outcome.problems) {
        tell(problem);
      }
    }
    if (outcome.unkillable) {
      tell("a process did not end on SIGKILL (it hangs in the kernel) and was left behind");
    }
    const report::Document document =
        gathered_.sinks.empty() ? report::Document() : report::make_report(subject_, outcome);
    deliver::CourierOptions options;
    options.environment.assign(invocation_.environment.begin(), invocation_.environment.end());
    options.timeout = settings.report_timeout;
    const supervise::Policy policy = make_policy(settings);
    options.is_stop_request = [policy](int signal) { return supervise::is_stop_request(policy, signal); };
    options.after_stop = settings.report_reserve;
    options.not_later_than = outcome.platform_kill_at;
    const auto deliveries =
        deliver::deliver_all(gathered_.sinks, gathered_.sink_texts, document, options, signals_, signalfd);
    for (const deliver::Delivery& delivery : deliveries) {
      if (!delivery.delivered) {
        tell(fmt::format("report to {} not delivered: {}", delivery.sink, delivery.detail));
      }
    }
    const bool all_delivered =
        std::all_of(deliveries.begin(), deliveries.end(), [](const auto& one) { return one.delivered; });
    if (!settings.quiet) {
      tell(report::summary_sentence(subject_, outcome) + deliveries_part(deliveries));
    }
    let_readers_finish(outcome);
    // A job that failed by itself keeps its code: that is what somebody will look for.
    if (settings.report_required && !all_delivered && outcome.verdict.cause == Cause::success) {
      return kRefused;
    }
    return outcome.verdict.exit_code;
  }

  // PID 1's end is everybody's end. A child from before the job may be what reads our output (a shell's `exec >
  // >(...)`): it gets its end of file, and time to say the last of it.
  void let_readers_finish(const Outcome& outcome) const {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (kernel::own_pid() != 1 || settings.leftovers == Leftovers::ignore) {
      return;
    }
    Duration time = settings.drain_timeout;
    if (outcome.platform_kill_at) {
      time = std::min<Duration>(time, *outcome.platform_kill_at - kLastBreath - std::chrono::steady_clock::now());
    }
    kernel::close_outputs();
    kernel::wait_for_children(std::chrono::duration_cast<std::chrono::milliseconds>(time));
  }

  Invocation invocation_;
  kernel::SignalState signals_;
  Gathered gathered_;
  report::Subject subject_;
};

}  // namespace

int run(const Invocation& invocation) { return Run(invocation)(); }

}  // namespace jobinit::commands
