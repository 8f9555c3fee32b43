// jobinit run: from settings to exit code.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/trace.hpp"
#include "jobinit/cli/help.hpp"
#include "jobinit/commands/dropin.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/commands/log_shape.hpp"
#include "jobinit/commands/lost.hpp"
#include "jobinit/commands/spooled.hpp"
#include "jobinit/deliver/courier.hpp"
#include "jobinit/deliver/messenger.hpp"
#include "jobinit/deliver/spool.hpp"
#include "jobinit/deliver/state_dir.hpp"
#include "jobinit/job/job_spec.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/paths.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/kernel/terminal.hpp"
#include "jobinit/report/report.hpp"
#include "jobinit/report/version.hpp"
#include "jobinit/supervise/memory_witness.hpp"
#include "jobinit/supervise/supervisor.hpp"

namespace jobinit::commands {
namespace {

using supervise::Outcome;

constexpr int kRefused = 125;

// How whatever runs is ended, the job or what comes before and after it.
supervise::Policy make_ending_policy(const cli::Settings& settings) {
  supervise::Policy policy;
  policy.forward = settings.forward;
  policy.rewrite = settings.rewrite_signal;
  policy.stop_signal = settings.stop_signal.number;
  policy.interactive = kernel::is_terminal(0);
  policy.stop_grace = settings.stop_grace;
  policy.report_reserve = settings.report_reserve;
  policy.leftover_grace = settings.leftover_grace;
  policy.drain_timeout = settings.drain_timeout;
  return policy;
}

// The same for the job, with its limits.
supervise::Policy make_policy(const cli::Settings& settings) {
  supervise::Policy policy = make_ending_policy(settings);
  policy.leftovers = settings.leftovers;
  policy.timeout = settings.timeout;
  policy.attempt_timeout = settings.attempt_timeout;
  policy.start_timeout = settings.start_timeout;
  policy.watchdog = settings.watchdog;
  policy.idle_timeout = settings.idle_timeout;
  policy.cpu_timeout = settings.cpu_timeout;
  policy.cpus = kernel::available_cpus();
  for (const auto& [before, signal] : settings.warn_before) {
    policy.warnings.push_back({before, signal});
  }
  policy.memory_kills = settings.memory_action.kill;
  policy.memory_signal = settings.memory_action.signal;
  return policy;
}

// Whether the job is not to run without a cgroup of its own.
bool asks_for_cgroup(const cli::Settings& settings) {
  return settings.memory_tier == MemoryTier::cgroup || settings.pids > 0;
}

supervise::ExitPolicy make_exit_policy(const cli::Settings& settings) {
  return {settings.success_codes, settings.exit_code, settings.remap_exit};
}

supervise::RetryPolicy make_retry_policy(const cli::Settings& settings) {
  supervise::RetryPolicy policy;
  policy.retries = static_cast<unsigned>(settings.retries);
  for (const std::string& cause : settings.retry_on.causes) {
    policy.causes.insert(cause_from_name(cause).value_or(Cause::failed));
  }
  policy.codes = settings.retry_on.codes;
  policy.backoff = settings.retry_backoff;
  policy.backoff_max = settings.retry_backoff_max;
  return policy;
}

supervise::ProcessSetup make_setup(const cli::Settings& settings, const job::Identity& identity) {
  supervise::ProcessSetup setup;
  cli::Limits limits = settings.limit;
  if (settings.memory_per_process > 0) {  // any number is a limit
    [[maybe_unused]] const auto added = cli::add_limit(fmt::format("data={}", settings.memory_per_process), limits);
  }
  for (const auto& [name, limit] : limits) {
    setup.limits.push_back({name, limit});
  }
  setup.niceness = settings.nice;
  setup.dropped = settings.drop_caps;
  setup.user = identity.user;
  setup.group = identity.group;
  setup.groups = identity.groups;
  setup.no_new_privileges = settings.no_new_privs;
  setup.umask = settings.umask;
  setup.folder = settings.chdir;
  return setup;
}

std::vector<report::ReportedParameter> reported_parameters(const job::Assignments& parameters) {
  std::vector<report::ReportedParameter> reported;
  for (const job::Assigned& one : parameters.all) {
    reported.push_back({one.parameter->name, one.value ? std::optional(job::shown(one)) : std::nullopt, one.where});
  }
  return reported;
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
    signals_ = kernel::block_signals(reach_of(invocation_.program));
    oom_score_ = kernel::open_own_oom_score_adj();
    kernel::hide_memory(true);
    gathered_ = gather(invocation_);
    cli::Settings& settings = gathered_.resolved.settings;
    if (const auto& drop_in = gathered_.drop_in) {
      if (drop_in->answer) {
        say({drop_in->answer->line});
        return drop_in->answer->exit_code;
      }
      say(drop_in->opening);
      adapt(*drop_in, signals_);
      kernel::hide_memory(drop_in->asked);  // else there is nothing to hide
      settings.quiet = settings.quiet || !drop_in->asked;
    }
    if (gathered_.arguments.help || gathered_.arguments.version) {
      return inform();
    }
    if (const std::string unused = take_operands_as_command(gathered_); !unused.empty()) {
      tell(fmt::format("note: {} is not used, since the arguments name a command", unused));
    }
    check_launch(gathered_);
    take_parameters(gathered_, invocation_.environment);
    shape_log();
    check_settings();
    check_length();
    open_log_file();
    be_spared();
    plan_memory();
    subject_ = {kernel::make_uuid_v7(),
                job::job_name(settings, gathered_.platform.job_name),
                gathered_.shown_command,
                gathered_.platform.name,
                gathered_.platform.ids,
                kernel::host_name(),
                settings.timeout,
                reported_parameters(gathered_.parameters),
                job::with_encodings(gathered_.parameters.secrets)};
    auto signalfd = kernel::open_signalfd(signals_);
    if (!signalfd) {
      return without_start(Cause::internal, {signalfd.failure().message}, kernel::Fd());
    }
    if (!gathered_.problems.empty()) {
      return without_start(Cause::rejected, gathered_.problems, *signalfd);
    }
    if (settings.parent_death_signal != 0) {
      if (const auto done = kernel::die_with_parent(settings.parent_death_signal, parent_); !done) {
        return without_start(Cause::internal, {done.failure().message}, *signalfd);
      }
    }
    adopt_orphans();
    if (gathered_.drop_in && gathered_.drop_in->habits.pause) {
      return pause(*signalfd);
    }
    if (const auto handed = hand_over_document(); !handed) {
      return without_start(Cause::rejected, {fmt::format("params-to: {}", handed.failure().message)}, *signalfd);
    }
    keep_state();
    engage_messenger();
    Outcome outcome = run_job(*signalfd);
    if (!gathered_.handover.file.empty()) {
      if (const auto gone = kernel::remove_file(gathered_.handover.file); !gone) {
        tell(fmt::format("warning: the parameters stay where they are: {}", gone.failure().message));
      }
    }
    return finish(std::move(outcome), *signalfd);
  }

 private:
  void adopt_orphans() const {
    if (kernel::own_pid() == 1) {
      return;
    }
    const auto& drop_in = gathered_.drop_in;
    if (drop_in && !drop_in->habits.subreaper && !drop_in->asked) {
      if (!kernel::is_subreaper()) {
        narrate(*drop_in, {.what = Happening::no_reaper});
      }
      return;
    }
    if (const auto done = kernel::become_subreaper(); !done) {
      tell(fmt::format("warning: {}; orphans of the job will not be reaped here", done.failure().message));
    }
  }

  int inform() const {
    const std::string text =
        gathered_.arguments.help ? cli::help_text() : fmt::format("jobinit {}\n", report::kVersion);
    return kernel::write_patiently(1, text, std::chrono::seconds(10)) ? 0 : kRefused;
  }

  // From here on no secret is told any more.
  void shape_log() {
    const cli::Settings& settings = gathered_.resolved.settings;
    std::vector<std::string> notes;
    std::vector<std::string> masked = masked_values(settings, invocation_.environment, notes);
    never_tell(masked);
    std::vector<std::string>& secrets = gathered_.parameters.secrets;
    std::move(masked.begin(), masked.end(), std::back_inserter(secrets));
    for (const job::Assigned& one : gathered_.parameters.all) {
      if (one.parameter->secret && one.value && !logs::Secrets::long_enough(one.value->text)) {
        notes.push_back(fmt::format("{}: of less than {} characters, its value is not masked in the log",
                                    one.parameter->name, logs::kShortestSecret));
      }
    }
    for (const std::string& note : notes) {
      tell("note: " + note);
    }
    shape_ = LogShape(settings, invocation_.environment, secrets, gathered_.problems);
  }

  // What enforces the memory limit is known before there is a job, and so is that nothing can.
  void plan_memory() {
    const cli::Settings& settings = gathered_.resolved.settings;
    container_ = kernel::MemoryCgroup::find();
    if (gathered_.drop_in && !gathered_.drop_in->asked) {
      return;  // the peer minds no memory
    }
    const bool asked = asks_for_cgroup(settings);
    const supervise::MemoryWish wish{settings.memory, settings.memory_tier, settings.memory_reserve,
                                     settings.memory_warn, settings.pids};
    supervise::MemoryFacts facts = supervise::look_at_container(container_, asked || !settings.memory.none(), asked);
    memory_ = supervise::plan_memory(wish, facts);
    if (memory_.tier == MemoryTier::cgroup && gathered_.problems.empty()) {
      auto cgroups = kernel::JobCgroups::open(asked);
      if (cgroups) {
        cgroups_ = std::move(*cgroups);
      } else {  // it looked as if it could be done
        facts.no_cgroup = cgroups.failure().message;
        memory_ = supervise::plan_memory(wish, facts);
      }
    }
    if (!memory_.problem.empty()) {
      gathered_.problems.push_back(memory_.problem);
    }
    const bool acts = settings.memory_action.kill || settings.memory_action.signal != 0;
    if (acts && memory_.problem.empty() && memory_.tier != MemoryTier::guard) {
      tell("note: memory-action: it is the guard's, and here the kernel keeps the limit, if any (--memory-tier)");
    }
    if (!memory_.note.empty()) {
      tell("note: " + memory_.note);
    }
  }

  // The OOM killer is to take the job, not what tells of it.
  void be_spared() {
    if (!gathered_.drop_in || gathered_.drop_in->asked) {
      own_oom_score_adj_ = kernel::ask_to_be_spared_by_oom_killer(oom_score_);
    }
  }

  void check_settings() {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.cpu_timeout > Duration::zero() && !kernel::has_procfs()) {
      gathered_.problems.emplace_back("cpu-timeout: without /proc nobody knows how much CPU time the job has used");
    }
    check_command(gathered_);
  }

  // A log that was asked for and cannot be kept is a refusal; what happens to it later is told, and no more.
  void open_log_file() {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.log_file.empty() || !gathered_.problems.empty()) {
      return;
    }
    auto file = logs::LogFile::open(settings.log_file, settings.log_rotate, [](const std::string& problem) {
      tell_at_once(fmt::format("log-file: {}; the job runs on", problem));
    });
    if (file) {
      log_file_.emplace(std::move(*file));
    } else {
      gathered_.problems.push_back("log-file: " + file.failure().message);
    }
  }

  // A safety net: what goes wrong with it is told, and does not keep the job from running.
  void keep_state() {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.state_dir.empty()) {
      return;
    }
    auto state = deliver::KeptState::open(settings.state_dir, subject_.run_id);
    if (!state) {
      tell(fmt::format("warning: --state-dir: {}; if jobinit is killed, nobody will report it",
                       state.failure().message));
      return;
    }
    state_ = std::move(*state);
    Outcome started;
    started.started_at = std::chrono::system_clock::now();
    keep(report::make_lost_report(subject_, started));
  }

  deliver::ProcessOptions deliver_options() const {
    deliver::ProcessOptions options = process_options(gathered_, invocation_.environment);
    options.oom_score_adj = own_oom_score_adj_;
    options.own_oom_score_adj = &oom_score_;
    return options;
  }

  // `outcome` must outlive them: a stop request that arrives meanwhile is noted there.
  deliver::CourierOptions courier_options(Outcome& outcome) const {
    deliver::CourierOptions options;
    options.process = deliver_options();
    options.is_stop_request = [this, &outcome](int signal) { return note_stop(outcome, signal); };
    options.note = tell;
    return options;
  }

  // Nobody is needed who would be told nothing.
  void engage_messenger() {
    const cli::Settings& settings = gathered_.resolved.settings;
    bool wanted = settings.heartbeat > Duration::zero() && is_wanted(gathered_.sinks, EventKind::heartbeat);
    if (settings.heartbeat > Duration::zero() && !wanted) {
      tell("note: heartbeat: none of the sinks (--report-to) has a use for it");
    }
    for (const EventKind kind : {EventKind::started, EventKind::warning, EventKind::attempt_failed}) {
      wanted = wanted || is_wanted(gathered_.sinks, kind);
    }
    if (wanted) {
      messenger_.emplace(
          gathered_.sinks, gathered_.sink_texts, subject_,
          deliver::MessengerOptions{deliver_options(), settings.report_timeout, settings.heartbeat, tell_at_once},
          signals_);
    }
  }

  // What was told while the job ran must not arrive after how it ended; nor does it get more than its share of the time
  // that is left for that.
  void settle_messenger(Outcome& outcome, supervise::TimePoint until, const kernel::Fd& signalfd) {
    if (!messenger_) {
      return;
    }
    static constexpr int share = 5;
    const auto now = std::chrono::steady_clock::now();
    if (outcome.platform_kill_at) {
      until = std::min(until, *outcome.platform_kill_at);
    }
    messenger_->settle(now + (until - now) / share, signalfd, [&](int signal) { return note_stop(outcome, signal); });
    tell_deliveries(gathered_.resolved.settings, messenger_->deliveries());
  }

  // When this run is told: the ones before it that nobody could tell of.
  void report_lost_runs(Outcome& outcome, const kernel::Fd& signalfd) const {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.state_dir.empty() || gathered_.sinks.empty() || outcome.platform_kill_at || !signalfd) {
      return;
    }
    LostRuns(gathered_, invocation_.environment, signals_, signalfd, courier_options(outcome))
        .report_all(settings.state_dir, settings.report_timeout);
  }

  // A disk is not waited for where the platform's SIGKILL is due.
  static kernel::Durability durability(const Outcome& outcome) {
    return outcome.platform_kill_at ? kernel::Durability::memory : kernel::Durability::disk;
  }

  // Into the spool, before it is sent.
  void write_down(const deliver::Event& event, const Outcome& outcome) {
    const cli::Settings& settings = gathered_.resolved.settings;
    const std::vector<std::string> sinks =
        settings.spool.empty() ? std::vector<std::string>() : lacking(gathered_, event, {});
    if (sinks.empty()) {
      return;
    }
    auto spooled = deliver::SpooledReport::keep(settings.spool, event.report, sinks, durability(outcome));
    if (!spooled) {
      tell(fmt::format("warning: --spool: {}; what cannot be delivered now is lost", spooled.failure().message));
      spool_broken_ = true;
      return;
    }
    spooled_ = std::move(*spooled);
    if (const std::size_t dropped = deliver::cut_spool(settings.spool, settings.spool_size, event.id); dropped > 0) {
      tell(fmt::format("warning: --spool: it was full (spool-size {}); the {} dropped", human_size(settings.spool_size),
                       dropped == 1 ? "oldest report was" : fmt::format("{} oldest reports were", dropped)));
    }
  }

  // What has arrived is no longer kept. Whether something still is.
  bool cross_off(const deliver::Event& event, const std::vector<deliver::Delivery>& deliveries,
                 const Outcome& outcome) {
    if (!spooled_) {
      return false;
    }
    const std::vector<std::string> names = lacking(gathered_, event, deliveries);
    if (const auto settled = spooled_->settle(names, durability(outcome)); !settled) {
      tell(fmt::format("warning: --spool: {}", settled.failure().message));
    }
    spooled_.reset();
    if (!names.empty()) {
      tell(fmt::format("the report is kept in {} for the next run", gathered_.resolved.settings.spool));
    }
    return !names.empty();
  }

  // Those that earlier runs could not deliver, when this run is told.
  void deliver_older_reports(Outcome& outcome, const kernel::Fd& signalfd) {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.spool.empty() || spool_broken_ || outcome.platform_kill_at || !signalfd) {
      return;
    }
    const auto until = std::chrono::steady_clock::now() + settings.report_timeout;
    deliver_spooled(
        gathered_, settings.spool,
        [&] { return !outcome.platform_kill_at && std::chrono::steady_clock::now() < until; },
        [&](const std::vector<std::size_t>& indexes, const deliver::Event& event) {
          deliver::CourierOptions options = courier_options(outcome);
          options.timeout = until - std::chrono::steady_clock::now();
          options.after_stop = settings.report_reserve;
          std::vector<deliver::Sink> sinks;
          std::vector<std::string> texts;
          for (const std::size_t index : indexes) {
            sinks.push_back(gathered_.sinks[index]);
            sinks.back().filter = {kAllEvents, {}};  // it was asked when the report was kept
            texts.push_back(gathered_.sink_texts[index]);
          }
          const auto deliveries = deliver::deliver_all(sinks, texts, event, options, signals_, signalfd);
          std::vector<std::size_t> failed;
          for (std::size_t i = 0; i < indexes.size(); ++i) {
            if (!deliveries[i].delivered) {
              failed.push_back(indexes[i]);
            }
          }
          return failed;
        });
  }

  // A signal that arrives when the job is over: a stop request says when the platform's SIGKILL is due.
  bool note_stop(Outcome& outcome, int signal) const {
    const supervise::Policy policy = make_ending_policy(gathered_.resolved.settings);
    const bool stop = supervise::asks_to_stop(policy, signal);
    if (stop && !outcome.platform_kill_at) {
      outcome.platform_kill_at = std::chrono::steady_clock::now() + policy.stop_grace;
    }
    return stop;
  }

  void keep(const report::Document& report) const {
    if (!state_) {
      return;
    }
    if (const auto kept = state_->keep(report); !kept) {
      tell_at_once(fmt::format("warning: --state-dir: {}", kept.failure().message));
    }
  }

  // The job itself, unless what comes before it says otherwise.
  Outcome run_job(const kernel::Fd& signalfd) const {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (!settings.before.empty()) {
      Outcome before =
          supervise::supervise(make_hook_plan(settings.before, settings.before_timeout), signals_, signalfd);
      if (before.verdict.cause != Cause::success || before.platform_kill_at) {
        return not_after(std::move(before));
      }
      if (const auto moment = deadline(); moment && std::chrono::system_clock::now() >= *moment) {
        return unstarted(std::move(before), "when --before had ended, the deadline was over");
      }
    }
    return supervise::supervise(make_plan(), signals_, signalfd);
  }

  // A stop request during --before stopped the run; in every other case the job could not be started for it.
  Outcome not_after(Outcome before) const {
    if (before.verdict.cause == Cause::success) {  // asked to stop when it was just done
      before.verdict.cause = Cause::stopped;
    }
    if (before.verdict.cause == Cause::stopped) {
      // The run's own ending after all: its exit codes hold, which are not those of a hook.
      before.verdict.exit_code =
          supervise::judge(Cause::stopped, before.verdict.exit_code, make_exit_policy(gathered_.resolved.settings))
              .exit_code;
      return before;
    }
    const std::string why = fmt::format("--before {}", report::ending_sentence(before));
    return unstarted(std::move(before), why);
  }

  // What is known of --before, as the outcome of a run whose job was not started.
  Outcome unstarted(Outcome before, const std::string& why) const {
    before.problems.insert(before.problems.begin(), why);
    before.verdict = supervise::judge(Cause::not_started, kRefused, make_exit_policy(gathered_.resolved.settings));
    before.limit.reset();
    before.attempts.clear();
    return before;
  }

  std::optional<std::chrono::system_clock::time_point> deadline() const {
    const auto& moment = gathered_.resolved.settings.deadline;
    return moment ? std::optional(next_occurrence(*moment, gathered_.now)) : std::nullopt;
  }

  job::JobSpec make_spec() const {
    return job::make_job_spec(gathered_.resolved.settings, invocation_.environment, gathered_.platform.job_name,
                              gathered_.identity, gathered_.handover, gathered_.parameters.secrets);
  }

  // Without parameters it is not for jobinit to judge: the kernel does, and says so.
  void check_length() {
    if (!gathered_.job_file.references || !gathered_.problems.empty()) {
      return;
    }
    const cli::Limits& limits = gathered_.resolved.settings.limit;
    const auto stack = limits.find("stack");
    gathered_.problems = job::too_long(
        make_spec(), kernel::exec_limits(stack == limits.end() ? std::nullopt : std::optional(stack->second.soft)));
  }

  // For a job that reads its parameters as one document.
  Result<void> hand_over_document() {
    const job::Handover& handover = gathered_.handover;
    if (handover.to_stdin) {
      auto file = kernel::make_memory_file(handover.document);
      if (!file) {
        return file.failure();
      }
      document_ = std::move(*file);
    }
    return handover.file.empty() ? Result<void>()
                                 : kernel::write_private_file(handover.file, handover.document, gathered_.identity.user,
                                                              gathered_.identity.group);
  }

  supervise::RunPlan make_plan() const {
    const cli::Settings& settings = gathered_.resolved.settings;
    const job::JobSpec spec = make_spec();
    supervise::RunPlan plan;
    plan.launch.argv = spec.argv;
    plan.launch.environment = spec.environment;
    if (!gathered_.drop_in || gathered_.drop_in->asked) {
      set_variable(plan.launch.environment, "JOBINIT_RUN_ID", subject_.run_id);
      for (const auto& [name, number] :
           {std::pair{"JOBINIT_INDEX", settings.index}, {"JOBINIT_COUNT", settings.count}}) {
        if (number) {
          set_variable(plan.launch.environment, name, fmt::format("{}", *number));
        }
      }
    }
    if (document_) {
      plan.launch.stdin_fd = document_.get();
    }
    if (deliver::reports_spans(gathered_.sinks)) {  // else the job's spans would hang below one that nobody has told of
      const auto parent = lookup(invocation_.environment, "TRACEPARENT");
      set_variable(plan.launch.environment, "TRACEPARENT", trace_of_run(subject_.run_id, parent).traceparent());
    }
    plan.launch.oom_score_adj = settings.oom_score_adj;
    plan.launch.own_oom_score_adj = &oom_score_;
    plan.launch.setup = make_setup(settings, gathered_.identity);
    if (kernel::is_controlling_terminal(0)) {
      plan.launch.place = Placement::group;
      plan.launch.terminal = 0;
    }
    plan.policy = make_policy(settings);
    plan.exits = make_exit_policy(settings);
    plan.retry = make_retry_policy(settings);
    plan.deadline = deadline();
    plan.container = container_;
    plan.memory = memory_;
    plan.cgroups = cgroups_ ? &*cgroups_ : nullptr;
    plan.needs_cgroup = asks_for_cgroup(settings);
    plan.policy.memory = memory_.watch;
    plan.notify = settings.notify || settings.start_timeout > Duration::zero() || settings.watchdog > Duration::zero();
    plan.log.stages = [this](std::string_view stream) {
      return shape_.stages(stream, subject_.job_name, subject_.run_id);
    };
    plan.log.tail = {.bytes = settings.tail, .lines = settings.tail_lines};
    plan.log.rate = settings.log_rate;
    plan.log.overflow = settings.log_overflow;
    plan.log.file = log_file_ ? &*log_file_ : nullptr;
    plan.log.only_to_file = settings.log_file_only;
    if (!settings.quiet) {
      plan.say = tell_at_once;
    }
    plan.observer = messenger_ ? &*messenger_ : nullptr;
    if (state_) {
      plan.on_failed_attempt = [this](const Outcome& so_far) { keep(report::make_lost_report(subject_, so_far)); };
    }
    if (gathered_.drop_in) {
      adapt(gathered_, plan);
    }
    if (!plan.launch.oom_score_adj) {  // that we are spared is not the job's
      plan.launch.oom_score_adj = own_oom_score_adj_;
    }
    return plan;
  }

  // What comes before and after is run like the job: signals reach it, and nothing it leaves behind lives on. Of the
  // limits only its own timeout holds, and it is tried once.
  supervise::RunPlan make_hook_plan(const std::vector<std::string>& command, Duration timeout) const {
    supervise::RunPlan plan = make_plan();
    plan.launch.argv = command;
    plan.launch.stdin_fd = 0;
    plan.policy = make_ending_policy(gathered_.resolved.settings);
    plan.policy.timeout = timeout;
    plan.exits = {};
    plan.retry = {};
    plan.observer = nullptr;
    plan.deadline.reset();
    plan.memory.tier = MemoryTier::off;
    plan.cgroups = nullptr;
    plan.notify = false;
    return plan;
  }

  int without_start(Cause cause, std::vector<std::string> problems, const kernel::Fd& signalfd) {
    Outcome outcome;
    outcome.started_at = outcome.ended_at = std::chrono::system_clock::now();
    outcome.verdict = supervise::judge(cause, kRefused, make_exit_policy(gathered_.resolved.settings));
    outcome.problems = std::move(problems);
    return finish(std::move(outcome), signalfd);
  }

  // With the exit code that the peer has for what went wrong. A refusal is jobinit's own: only it has settings to
  // refuse.
  supervise::Verdict in_peers_words(const Outcome& outcome) const {
    const cli::Peer& peer = *gathered_.drop_in->peer;
    const auto judged = [&](int code) {
      return supervise::judge(outcome.verdict.cause, code, make_exit_policy(gathered_.resolved.settings));
    };
    if (outcome.verdict.cause == Cause::not_started && outcome.start_failure != 0) {
      return judged(peer.exec_failure(outcome.start_failure));
    }
    return outcome.verdict.cause == Cause::internal ? judged(peer.own_failure) : outcome.verdict;
  }

  // Reports, tells, and gives the exit code back.
  int finish(Outcome outcome, const kernel::Fd& signalfd) {
    const cli::Settings& settings = gathered_.resolved.settings;
    bool told = false;
    if (gathered_.drop_in) {
      told = tell_of_failed_start(*gathered_.drop_in, outcome);
      outcome.verdict = in_peers_words(outcome);
    }
    if (outcome.platform_kill_at) {
      hurry(*outcome.platform_kill_at - supervise::kLastBreath);
    }
    // Problems are told even when --quiet: a refusal without a word is what jobinit is there to end. The summary of any
    // other ending has them in it.
    if (!told && (outcome.verdict.cause == Cause::rejected || settings.quiet)) {
      for (const std::string& problem : outcome.problems) {
        tell(problem);
      }
    }
    if (outcome.unkillable) {
      tell("a process did not end on SIGKILL (it hangs in the kernel) and was left behind");
    }
    const bool wanted = !gathered_.sinks.empty() || !settings.after.empty() || state_;
    const report::Document document = wanted ? report::make_report(subject_, outcome) : report::Document();
    keep(document);
    const deliver::Event event = deliver::finished_event(document);
    deliver::CourierOptions options = courier_options(outcome);
    options.timeout = settings.report_timeout;
    options.after_stop = settings.report_reserve;
    options.not_later_than = outcome.platform_kill_at;
    options.before_network = [&](supervise::TimePoint until) {
      write_down(event, outcome);
      settle_messenger(outcome, until, signalfd);
      return outcome.platform_kill_at;
    };
    const auto deliveries =
        deliver::deliver_all(gathered_.sinks, gathered_.sink_texts, event, options, signals_, signalfd);
    tell_deliveries(settings, deliveries);
    for (const deliver::Delivery& delivery : deliveries) {
      if (!delivery.delivered && !settings.verbose) {
        tell(fmt::format("report to {} not delivered: {}", delivery.sink, delivery.detail));
      }
    }
    const bool all_delivered =
        std::all_of(deliveries.begin(), deliveries.end(), [](const auto& one) { return one.delivered; });
    if (!settings.quiet) {
      tell(report::summary_sentence(subject_, outcome) + deliveries_part(deliveries));
    }
    const bool some_delivered =
        std::any_of(deliveries.begin(), deliveries.end(), [](const auto& one) { return one.delivered; });
    const bool kept = cross_off(event, deliveries, outcome);
    if (state_ && (some_delivered || deliveries.empty() || kept)) {
      state_->drop();
    }
    report_lost_runs(outcome, signalfd);
    if (lacking(gathered_, event, deliveries).empty()) {  // else the network is down, and stays so for older ones
      deliver_older_reports(outcome, signalfd);
    }
    state_.reset();  // undelivered, it is the next one's to tell
    run_after(outcome, document, signalfd);
    let_readers_finish(outcome);
    // A job that failed by itself keeps its code: that is what somebody will look for.
    if (settings.report_required && !all_delivered && outcome.verdict.cause == Cause::success) {
      return kRefused;
    }
    return outcome.verdict.exit_code;
  }

  // When the report is out: nothing that goes wrong here can take it back.
  void run_after(const Outcome& outcome, const report::Document& document, const kernel::Fd& signalfd) const {
    const cli::Settings& settings = gathered_.resolved.settings;
    if (settings.after.empty() || !signalfd) {
      return;
    }
    Duration time = settings.after_timeout;
    if (outcome.platform_kill_at) {
      const Duration left = *outcome.platform_kill_at - supervise::kLastBreath - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) {
        tell("--after is left out: the platform's SIGKILL is due");
        return;
      }
      time = time > Duration::zero() ? std::min(time, left) : left;
    }
    supervise::RunPlan plan = make_hook_plan(settings.after, time);
    plan.policy.stop_grace = plan.policy.report_reserve;  // what was kept for the report; it is out
    plan.policy.report_reserve = Duration::zero();
    set_variable(plan.launch.environment, "JOBINIT_CAUSE", cause_name(outcome.verdict.cause));
    set_variable(plan.launch.environment, "JOBINIT_EXIT_CODE", fmt::format("{}", outcome.verdict.exit_code));
    auto report =
        kernel::make_memory_file(document.dump(-1, ' ', false, report::Document::error_handler_t::replace) + "\n");
    if (!report) {
      tell(fmt::format("--after is left out: {}", report.failure().message));
      return;
    }
    set_variable(plan.launch.environment, "JOBINIT_REPORT", "/dev/stdin");
    plan.launch.stdin_fd = report->get();
    const Outcome after = supervise::supervise(plan, signals_, signalfd);
    if (after.verdict.cause != Cause::success) {
      tell(fmt::format("--after {}", report::ending_sentence(after)));
    }
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
      time = std::min<Duration>(time,
                                *outcome.platform_kill_at - supervise::kLastBreath - std::chrono::steady_clock::now());
    }
    kernel::close_outputs();
    kernel::wait_for_children(std::chrono::duration_cast<std::chrono::milliseconds>(time));
  }

  Invocation invocation_;
  kernel::SignalState signals_;
  Gathered gathered_;
  report::Subject subject_;
  std::optional<deliver::KeptState> state_;
  std::optional<deliver::SpooledReport> spooled_;
  bool spool_broken_ = false;
  mutable std::optional<deliver::Messenger> messenger_;  // the plan that is made of us tells it
  mutable std::optional<logs::LogFile> log_file_;        // written to while the run is const
  std::optional<kernel::MemoryCgroup> container_;
  mutable std::optional<kernel::JobCgroups> cgroups_;  // groups are made in it
  supervise::MemoryPlan memory_;
  LogShape shape_;
  kernel::Fd document_;                   // the parameters, for the job's stdin
  kernel::Fd oom_score_;                  // our own, to be written to
  std::optional<int> own_oom_score_adj_;  // as it was given to us
  pid_t parent_ = kernel::parent_pid();   // before anything that takes time: it may end meanwhile
};

}  // namespace

int run(const Invocation& invocation) { return Run(invocation)(); }

}  // namespace jobinit::commands
