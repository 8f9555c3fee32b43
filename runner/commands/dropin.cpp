#include "jobinit/commands/dropin.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <span>

#include "jobinit/cli/table.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/terminal.hpp"

namespace jobinit::commands {
namespace {

bool is_asked_for(const Gathered& gathered, std::string_view flag) {
  const auto origin = gathered.resolved.origin.find(flag);
  return origin != gathered.resolved.origin.end() && origin->second.source >= cli::Source::job_file;
}

// So that the job's output has to come by.
bool looks_at_output(const Gathered& gathered) {
  const std::span<const cli::Setting> table = cli::settings_table();
  return std::any_of(table.begin(), table.end(), [&](const cli::Setting& setting) {
    const bool of_the_log = setting.section == cli::Section::logs || setting.flag == "idle-timeout";
    return of_the_log && is_asked_for(gathered, setting.flag);
  });
}

void find_terminal(const cli::Habits& habits, supervise::LaunchOptions& launch) {
  launch.place = habits.place;
  launch.terminal = kernel::is_controlling_terminal(0) ? 0 : -1;
  if (launch.terminal < 0 && habits.any_terminal) {
    static const kernel::Fd terminal = kernel::open_controlling_terminal();  // open for the whole run
    launch.terminal = terminal.get();
  }
}

}  // namespace

kernel::Reach reach_of(const std::string& program) {
  const cli::Peer* peer = cli::find_peer(program);
  return peer != nullptr ? peer->reach : kernel::Reach();
}

void adapt(const DropIn& drop_in, kernel::SignalState& signals) {
  if (drop_in.habits.fresh_signals) {
    ::sigemptyset(&signals.mask);
    ::sigemptyset(&signals.ignored);
  }
  for (const int number : drop_in.habits.blocked_in_job) {
    ::sigaddset(&signals.mask, number);
  }
}

void adapt(const Gathered& gathered, supervise::RunPlan& plan) {
  const DropIn& drop_in = *gathered.drop_in;
  const cli::Habits& habits = drop_in.habits;
  find_terminal(habits, plan.launch);
  plan.launch.scripts_by_shell = true;
  plan.launch.hides_memory = drop_in.asked;
  plan.launch.names_listener = habits.names_listener;
  if (!is_asked_for(gathered, "oom-score-adj")) {
    plan.launch.oom_score_adj.reset();
  }
  plan.policy.patient = !is_asked_for(gathered, "stop-grace");
  plan.policy.farewell = habits.farewell;
  plan.tells_job = drop_in.asked;
  plan.passes_output = gathered.parameters.secrets.empty() && !looks_at_output(gathered);
  plan.leaves_folder = habits.leaves_folder && !drop_in.asked;  // a report's path may be a relative one
  plan.closes_descriptors = habits.closes_descriptors;
  plan.suspends_on = habits.suspends_on;
  plan.narrate = [&drop_in](const Happening& happening) { narrate(drop_in, happening); };
}

void narrate(const DropIn& drop_in, const Happening& happening) {
  say(drop_in.peer->narrate(drop_in.habits, happening, kernel::own_pid()));
}

void say(const Lines& lines) {
  static std::chrono::milliseconds patience = std::chrono::seconds(1);
  for (const Line& line : lines) {
    if (!kernel::write_patiently(line.fd, line.text, patience)) {
      patience = {};  // a reader that stood still once is not waited for again
    }
  }
}

bool tell_of_failed_start(const DropIn& drop_in, const supervise::Outcome& outcome) {
  if (outcome.verdict.cause != Cause::not_started || outcome.start_failure == 0) {
    return false;
  }
  narrate(drop_in, {.what = Happening::could_not_start, .number = outcome.start_failure});
  return true;
}

int pause(const kernel::Fd& signalfd) {
  for (;;) {
    kernel::wait_until_readable({signalfd.get()}, std::chrono::hours(1));
    for (const kernel::ReceivedSignal& signal : kernel::read_signals(signalfd)) {
      if (signal.number == SIGTERM || signal.number == SIGINT) {
        return 0;
      }
    }
    kernel::reap_dead();
  }
}

}  // namespace jobinit::commands
