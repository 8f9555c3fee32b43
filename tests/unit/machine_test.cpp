// The state machine of a run, as tables: every phase with every event, and the races as scripts of timed events. Times
// are absolute, counted from a start that is not the clock's zero; states and actions are compared as text, so that a
// failure reads as a sentence.
#include "jobinit/supervise/machine.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <random>
#include <set>

#include "support.hpp"

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1234567s};
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

TimePoint at(Duration since_start) { return kStart + since_start; }
double seconds(TimePoint when) { return std::chrono::duration<double>(when - kStart).count(); }

kernel::WaitStatus exited(int code) { return {false, code, false}; }
kernel::WaitStatus killed_by(int signal) { return {true, signal, false}; }

Policy usual_policy() {
  Policy policy;
  policy.timeout = 60s;
  policy.stop_signal = SIGTERM;
  policy.stop_grace = 10s;
  policy.report_reserve = 2s;
  policy.leftover_grace = 1s;
  policy.drain_timeout = 5s;
  return policy;
}

// ---- as text --------------------------------------------------------------------------------------------------------

std::string phase_name(Phase phase) {
  switch (phase) {
    case Phase::running: return "running";
    case Phase::stopping: return "stopping";
    case Phase::killing: return "killing";
    case Phase::settling: return "settling";
    case Phase::draining: return "draining";
    case Phase::finished: return "finished";
  }
  return "?";
}

const char* intent_name(Intent intent) {
  switch (intent) {
    case Intent::timeout: return "timeout";
    case Intent::deadline: return "deadline";
    case Intent::attempt_timeout: return "attempt";
    case Intent::start_timeout: return "start";
    case Intent::watchdog: return "watchdog";
    case Intent::idle_timeout: return "idle";
    case Intent::cpu_limit: return "cpu";
    case Intent::memory_limit: return "memory";
    case Intent::stop: return "stop";
  }
  return "?";
}

// "stopping for=timeout timeout=60s kill=68s": every member that is set.
std::string describe(const State& state) {
  // The binding names every member: a new one does not compile until the tests know of it.
  const auto& [phase, intent, main_status, forwarded, logs_done, unkillable, clocks, last_output, warned, watchdog,
               ready, memory, memory_warned, memory_named, kill_at, rekill_at, give_up_at, drain_until,
               platform_kill_at] = state;
  static_cast<void>(last_output);  // shows in where the idle clock moves to
  static_cast<void>(memory);       // and this in where the memory clock does
  static_cast<void>(memory_named);
  std::string text = phase_name(phase);
  if (intent) {
    text += fmt::format(" for={}", intent_name(*intent));
  }
  if (main_status) {
    text += fmt::format(" {}={}", main_status->signaled ? "signal" : "exit", main_status->value);
  }
  if (!forwarded.empty()) {
    text += fmt::format(" forwarded={}", fmt::join(forwarded, ","));
  }
  if (logs_done) {
    text += " logs_done";
  }
  if (unkillable) {
    text += " unkillable";
  }
  const auto deadline = [&](const char* name, const std::optional<TimePoint>& when) {
    if (when) {
      text += fmt::format(" {}={}s", name, seconds(*when));
    }
  };
  for (const auto& [clock, when] : clocks) {
    deadline(intent_name(clock), when);
  }
  if (warned) {
    text += fmt::format(" warned={}s", std::chrono::duration<double>(*warned).count());
  }
  if (watchdog != watchdog.zero()) {
    text += fmt::format(" every={}s", std::chrono::duration<double>(watchdog).count());
  }
  if (ready) {
    text += " ready";
  }
  deadline("kill", kill_at);
  deadline("rekill", rekill_at);
  deadline("give_up", give_up_at);
  deadline("drain", drain_until);
  deadline("platform", platform_kill_at);
  if (memory_warned) {
    text += " memory_warned";
  }
  return text;
}

struct ActionText {
  std::string operator()(const SignalJob& one) const {
    return fmt::format("{}({})", one.group ? "SignalJob" : "SignalMain", one.number);
  }
  std::string operator()(const SignalGroup& one) const { return fmt::format("SignalGroup({})", one.number); }
  std::string operator()(const SignalLeftovers& one) const { return fmt::format("SignalLeftovers({})", one.number); }
  std::string operator()(const KillTree&) const { return "KillTree"; }
  std::string operator()(const FinishLogs&) const { return "FinishLogs"; }
  std::string operator()(const DropLogs&) const { return "DropLogs"; }
  std::string operator()(const MeasureCpu&) const { return "MeasureCpu"; }
  std::string operator()(const MeasureMemory&) const { return "MeasureMemory"; }
  std::string operator()(const NameProcesses&) const { return "NameProcesses"; }
  std::string operator()(const WarnMemory& one) const {
    return fmt::format("WarnMemory({}GiB)", static_cast<double>(one.bytes) / static_cast<double>(kGiB));
  }
  std::string operator()(const Warn& one) const {
    return fmt::format("Warn({}s)", std::chrono::duration<double>(one.left).count());
  }
};

std::string describe(const std::vector<Action>& actions) {
  std::vector<std::string> texts;
  texts.reserve(actions.size());
  for (const Action& action : actions) {
    texts.push_back(std::visit(ActionText(), action));
  }
  return fmt::format("{}", fmt::join(texts, " "));
}

// ---- every phase with every event -----------------------------------------------------------------------------------

// One state a phase, as it really comes about with the usual policy.
State usual_state(Phase phase) {
  State state = start(usual_policy(), kStart);
  state.phase = phase;
  switch (phase) {
    case Phase::running: break;
    case Phase::killing:
      state.rekill_at = at(68020ms);
      state.give_up_at = at(78s);
      [[fallthrough]];
    case Phase::stopping:
      state.intent = Intent::timeout;
      state.kill_at = at(68s);
      break;
    case Phase::finished: state.logs_done = true; [[fallthrough]];
    case Phase::draining: state.drain_until = at(15200ms); [[fallthrough]];
    case Phase::settling:
      state.main_status = exited(0);
      state.kill_at = at(11s);
      break;
  }
  return state;
}

constexpr const char* kSame = "";  // the state stays as it was

struct Cell {
  Phase phase;
  const char* event_name;
  Event event;
  Duration when;
  std::string state;    // expected
  std::string actions;  // expected
  std::string name = fmt::format("{} {}", phase_name(phase), event_name);
  friend void PrintTo(const Cell& cell, std::ostream* out) { *out << cell.name; }
};

const std::vector<Cell>& matrix() {
  using enum Phase;
  static const std::vector<Cell> cells{
      {running, "main ended", MainEnded{exited(3)}, 10s, "settling exit=3 timeout=60s kill=11s", "SignalLeftovers(15)"},
      {running, "tree empty", TreeEmpty{}, 10s, "draining timeout=60s drain=15s", "FinishLogs"},
      {running, "stop signal", SignalArrived{SIGTERM}, 10s,
       "stopping for=stop forwarded=15 timeout=60s kill=18s platform=20s", "SignalJob(15)"},
      {running, "other signal", SignalArrived{SIGUSR1}, 10s, "running forwarded=10 timeout=60s", "SignalJob(10)"},
      {running, "logs moved", LogsMoved{}, 10s, kSame, ""},
      {running, "logs done", LogsDone{}, 10s, "running logs_done timeout=60s", ""},
      {running, "notification", Notification{.ready = true}, 10s, "running timeout=60s ready", ""},
      {running, "cpu used", CpuUsed{1s}, 10s, kSame, ""},
      {running, "memory used", MemoryUsed{kGiB}, 10s, kSame, ""},
      {running, "tree killed", TreeKilled{}, 10s, kSame, ""},
      {running, "deadline at", DeadlineAt{at(100s)}, 10s, "running timeout=60s deadline=100s", ""},
      {running, "tick too early", Tick{}, 60s - 1ns, kSame, ""},
      {running, "tick on time", Tick{}, 60s, "stopping for=timeout timeout=60s kill=68s", "SignalJob(15)"},

      {stopping, "main ended", MainEnded{killed_by(SIGTERM)}, 61s,
       "settling for=timeout signal=15 timeout=60s kill=62s", "SignalLeftovers(15)"},
      {stopping, "tree empty", TreeEmpty{}, 61s, "draining for=timeout timeout=60s kill=68s drain=66s", "FinishLogs"},
      {stopping, "stop signal", SignalArrived{SIGTERM}, 61s,
       "stopping for=timeout forwarded=15 timeout=60s kill=68s platform=71s", "SignalJob(15)"},
      {stopping, "other signal", SignalArrived{SIGUSR1}, 61s, "stopping for=timeout forwarded=10 timeout=60s kill=68s",
       "SignalJob(10)"},
      {stopping, "logs moved", LogsMoved{}, 61s, kSame, ""},
      {stopping, "logs done", LogsDone{}, 61s, "stopping for=timeout logs_done timeout=60s kill=68s", ""},
      {stopping, "notification", Notification{}, 61s, kSame, ""},
      {stopping, "cpu used", CpuUsed{1s}, 61s, kSame, ""},
      {stopping, "memory used", MemoryUsed{kGiB}, 61s, kSame, ""},
      {stopping, "tree killed", TreeKilled{}, 61s, kSame, ""},
      {stopping, "deadline at", DeadlineAt{at(100s)}, 61s, "stopping for=timeout timeout=60s deadline=100s kill=68s",
       ""},
      {stopping, "tick too early", Tick{}, 68s - 1ns, kSame, ""},
      {stopping, "tick on time", Tick{}, 68s, "killing for=timeout timeout=60s kill=68s rekill=68.02s give_up=78s",
       "KillTree"},

      {killing, "main ended", MainEnded{killed_by(SIGKILL)}, 68010ms,
       "killing for=timeout signal=9 timeout=60s kill=68s rekill=68.02s give_up=78s", ""},
      {killing, "tree empty", TreeEmpty{}, 68010ms,
       "draining for=timeout timeout=60s kill=68s rekill=68.02s give_up=78s drain=73.01s", "FinishLogs"},
      {killing, "other signal", SignalArrived{SIGUSR1}, 68010ms, kSame, ""},
      {killing, "logs moved", LogsMoved{}, 68010ms, kSame, ""},
      {killing, "logs done", LogsDone{}, 68010ms,
       "killing for=timeout logs_done timeout=60s kill=68s rekill=68.02s give_up=78s", ""},
      {killing, "notification", Notification{}, 68010ms, kSame, ""},
      {killing, "cpu used", CpuUsed{1s}, 68010ms, kSame, ""},
      {killing, "memory used", MemoryUsed{kGiB}, 68010ms, kSame, ""},
      {killing, "deadline at", DeadlineAt{at(100s)}, 68010ms,
       "killing for=timeout timeout=60s deadline=100s kill=68s rekill=68.02s give_up=78s", ""},
      {killing, "tick too early", Tick{}, 68020ms - 1ns, kSame, ""},
      {killing, "a look through /proc that took its time", TreeKilled{}, 68090ms,
       "killing for=timeout timeout=60s kill=68s rekill=68.11s give_up=78s", ""},
      {killing, "tick on time", Tick{}, 68020ms, "killing for=timeout timeout=60s kill=68s rekill=68.04s give_up=78s",
       "KillTree"},

      {settling, "main ended", MainEnded{exited(9)}, 10500ms, kSame, ""},  // a run ends once
      {settling, "tree empty", TreeEmpty{}, 10500ms, "draining exit=0 timeout=60s kill=11s drain=15.5s", "FinishLogs"},
      {settling, "stop signal", SignalArrived{SIGTERM}, 10500ms, "settling exit=0 timeout=60s kill=11s platform=20.5s",
       ""},
      {settling, "other signal", SignalArrived{SIGUSR1}, 10500ms, kSame, ""},
      {settling, "logs moved", LogsMoved{}, 10500ms, kSame, ""},
      {settling, "logs done", LogsDone{}, 10500ms, "settling exit=0 logs_done timeout=60s kill=11s", ""},
      {settling, "notification", Notification{}, 10500ms, kSame, ""},
      {settling, "cpu used", CpuUsed{1s}, 10500ms, kSame, ""},
      {settling, "memory used", MemoryUsed{kGiB}, 10500ms, kSame, ""},
      {settling, "tree killed", TreeKilled{}, 10500ms, kSame, ""},
      {settling, "deadline at", DeadlineAt{at(100s)}, 10500ms, "settling exit=0 timeout=60s deadline=100s kill=11s",
       ""},
      {settling, "tick too early", Tick{}, 11s - 1ns, kSame, ""},
      {settling, "tick on time", Tick{}, 11s, "killing exit=0 timeout=60s kill=11s rekill=11.02s give_up=21s",
       "KillTree"},

      {draining, "main ended", MainEnded{exited(9)}, 10500ms, kSame, ""},
      {draining, "tree empty", TreeEmpty{}, 10500ms, kSame, ""},
      {draining, "stop signal", SignalArrived{SIGTERM}, 10500ms,
       "draining exit=0 timeout=60s kill=11s drain=15.2s platform=20.5s", ""},
      {draining, "other signal", SignalArrived{SIGUSR1}, 10500ms, kSame, ""},
      {draining, "logs moved", LogsMoved{}, 10500ms, "draining exit=0 timeout=60s kill=11s drain=15.5s", ""},
      {draining, "logs done", LogsDone{}, 10500ms, "finished exit=0 logs_done timeout=60s kill=11s drain=15.2s", ""},
      {draining, "notification", Notification{}, 10500ms, kSame, ""},
      {draining, "cpu used", CpuUsed{1s}, 10500ms, kSame, ""},
      {draining, "memory used", MemoryUsed{kGiB}, 10500ms, kSame, ""},
      {draining, "tree killed", TreeKilled{}, 10500ms, kSame, ""},
      {draining, "deadline at", DeadlineAt{at(100s)}, 10500ms,
       "draining exit=0 timeout=60s deadline=100s kill=11s drain=15.2s", ""},
      {draining, "tick too early", Tick{}, 15200ms - 1ns, kSame, ""},
      {draining, "tick on time", Tick{}, 15200ms, "finished exit=0 timeout=60s kill=11s drain=15.2s", "DropLogs"},

      {finished, "main ended", MainEnded{exited(9)}, 16s, kSame, ""},
      {finished, "tree empty", TreeEmpty{}, 16s, kSame, ""},
      {finished, "other signal", SignalArrived{SIGUSR1}, 16s, kSame, ""},
      {finished, "logs moved", LogsMoved{}, 16s, kSame, ""},
      {finished, "logs done", LogsDone{}, 16s, kSame, ""},
      {finished, "notification", Notification{}, 16s, kSame, ""},
      {finished, "cpu used", CpuUsed{1s}, 16s, kSame, ""},
      {finished, "memory used", MemoryUsed{kGiB}, 16s, kSame, ""},
      {finished, "tree killed", TreeKilled{}, 16s, kSame, ""},
      {finished, "deadline at", DeadlineAt{at(100s)}, 16s,
       "finished exit=0 logs_done timeout=60s deadline=100s kill=11s drain=15.2s", ""},
      {finished, "tick too early", Tick{}, 16s, kSame, ""},
      {finished, "tick on time", Tick{}, 1000s, kSame, ""},
  };
  return cells;
}

class MachineMatrix : public testing::TestWithParam<Cell> {};

TEST_P(MachineMatrix, Steps) {
  const Cell& cell = GetParam();
  const State before = usual_state(cell.phase);
  const Step next = step(usual_policy(), before, cell.event, at(cell.when));
  EXPECT_EQ(describe(next.state), cell.state == kSame ? describe(before) : cell.state);
  EXPECT_EQ(describe(next.actions), cell.actions);
}

INSTANTIATE_TEST_SUITE_P(Every, MachineMatrix, testing::ValuesIn(matrix()), test::kRowName);

TEST(Machine, MatrixHasEveryPhaseWithEveryEvent) {
  std::set<std::pair<Phase, std::size_t>> covered;
  for (const Cell& cell : matrix()) {
    covered.emplace(cell.phase, cell.event.index());
  }
  EXPECT_EQ(covered.size(), 6U * std::variant_size_v<Event>);
}

// Stop requests in the phases where they may only tell when the platform's SIGKILL is due.
TEST(Machine, AStopRequestNeverSignalsOrRevivesAnEndedRun) {
  for (const Phase phase : {Phase::killing, Phase::finished}) {
    const Step next = step(usual_policy(), usual_state(phase), SignalArrived{SIGTERM}, at(68010ms));
    EXPECT_EQ(next.state.phase, phase);
    EXPECT_EQ(describe(next.actions), "");
    EXPECT_EQ(next.state.platform_kill_at, at(78010ms));
  }
}

// ---- scripts --------------------------------------------------------------------------------------------------------

struct Moment {
  Duration when;
  Event event;
  std::string state;
  std::string actions;
};

struct Script {
  const char* name;
  Policy policy;
  std::vector<Moment> moments;
  friend void PrintTo(const Script& script, std::ostream* out) { *out << script.name; }
};

Policy with(Policy policy, void (*change)(Policy&)) {
  change(policy);
  return policy;
}

const Policy kUsual = usual_policy();
const Policy kNoTimeout = with(kUsual, [](Policy& policy) { policy.timeout = 0s; });
const Policy kNoReserve = with(kUsual, [](Policy& policy) { policy.report_reserve = 0s; });
const Policy kAllReserve = with(kUsual, [](Policy& policy) { policy.report_reserve = 11s; });
const Policy kLongLeftovers = with(kUsual, [](Policy& policy) { policy.leftover_grace = 30s; });
const Policy kStopByUsr1 = with(kUsual, [](Policy& policy) { policy.stop_signal = SIGUSR1; });

const Policy kOnATerminal = with(kUsual, [](Policy& policy) { policy.interactive = true; });
const Policy kRewriting = with(kUsual, [](Policy& policy) {
  policy.rewrite = {{SIGTERM, SIGQUIT}, {SIGHUP, 0}, {SIGUSR2, SIGUSR1}};
});
const Policy kToChild = with(kUsual, [](Policy& policy) { policy.forward = Forward::child; });
const Policy kToNobody = with(kUsual, [](Policy& policy) { policy.forward = Forward::none; });
const Policy kPatient = with(kUsual, [](Policy& policy) {
  policy.patient = true;
  policy.leftovers = Leftovers::ignore;
});
const Policy kFarewell = with(kUsual, [](Policy& policy) {
  policy.farewell = SIGTERM;
  policy.rewrite = {{SIGTERM, SIGQUIT}};
});
const Policy kIdle = with(kUsual, [](Policy& policy) { policy.idle_timeout = 10s; });
const Policy kStarting = with(kUsual, [](Policy& policy) {
  policy.start_timeout = 10s;
  policy.watchdog = 5s;
});
const Policy kWatched = with(kUsual, [](Policy& policy) { policy.watchdog = 5s; });
const Policy kMetered = with(kUsual, [](Policy& policy) {
  policy.cpu_timeout = 20s;
  policy.cpus = 2;
});
// What is reckoned with is 4 GiB/s.
const Policy kGuarded = with(kUsual, [](Policy& policy) { policy.memory = {3 * kGiB, 4 * kGiB, 5 * kGiB}; });
const Policy kKilling = with(kGuarded, [](Policy& policy) { policy.memory_kills = true; });
const Policy kPatientKilling = with(kKilling, [](Policy& policy) { policy.patient = true; });
const Policy kByUsr1 = with(kGuarded, [](Policy& policy) { policy.memory_signal = SIGUSR1; });
const Policy kGuardedAndWaiting = with(kGuarded, [](Policy& policy) { policy.leftovers = Leftovers::wait; });
const Policy kOnlyWarned = with(kUsual, [](Policy& policy) { policy.memory = {2 * kGiB, 0, 0}; });
const Policy kWarning = with(kUsual, [](Policy& policy) { policy.warnings = {{20s, SIGUSR1}, {5s, 0}}; });
const Policy kOneOfSeveral = with(kUsual, [](Policy& policy) { policy.attempt_timeout = 30s; });
const Policy kWaiting = with(kUsual, [](Policy& policy) { policy.leftovers = Leftovers::wait; });
const Policy kIgnoring = with(kUsual, [](Policy& policy) { policy.leftovers = Leftovers::ignore; });

const std::vector<Script>& scripts() {
  static const std::vector<Script> all{
      {"success",
       kUsual,
       {{1s, LogsMoved{}, "running timeout=60s", ""},
        {10s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=11s", "SignalLeftovers(15)"},
        {10s, TreeEmpty{}, "draining exit=0 timeout=60s kill=11s drain=15s", "FinishLogs"},
        {10s, LogsMoved{}, "draining exit=0 timeout=60s kill=11s drain=15s", ""},
        {10s, LogsDone{}, "finished exit=0 logs_done timeout=60s kill=11s drain=15s", ""}}},
      {"patient: a stop request is passed on, again and again, and nothing else comes of it",
       kPatient,
       {{5s, SignalArrived{SIGTERM}, "running for=stop forwarded=15 timeout=60s", "SignalJob(15)"},
        {6s, SignalArrived{SIGTERM}, "running for=stop forwarded=15 timeout=60s", "SignalJob(15)"},
        {50s, Tick{}, "running for=stop forwarded=15 timeout=60s", ""},
        {55s, MainEnded{exited(0)}, "draining for=stop exit=0 forwarded=15 timeout=60s drain=60s", "FinishLogs"}}},
      {"patient: a timeout is not, and the stop request before it stays the reason",
       kPatient,
       {{5s, SignalArrived{SIGTERM}, "running for=stop forwarded=15 timeout=60s", "SignalJob(15)"},
        {60s, Tick{}, "stopping for=stop forwarded=15 timeout=60s kill=68s", "SignalJob(15)"},
        {68s, Tick{}, "killing for=stop forwarded=15 timeout=60s kill=68s rekill=68.02s give_up=78s", "KillTree"}}},
      {"farewell: what is left of the group gets it, rewritten like any signal",
       kFarewell,
       {{10s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=11s", "SignalGroup(3) SignalLeftovers(15)"}}},
      {"exit and timeout in the same turn: the exit is first, and was no timeout",
       kUsual,
       {{60s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=61s", "SignalLeftovers(15)"},
        {60s, Tick{}, "settling exit=0 timeout=60s kill=61s", ""},
        {60s, TreeEmpty{}, "draining exit=0 timeout=60s kill=61s drain=65s", "FinishLogs"}}},
      {"exit and stop request in the same turn: an ended run cannot be stopped",
       kUsual,
       {{10s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=11s", "SignalLeftovers(15)"},
        {10s, SignalArrived{SIGTERM}, "settling exit=0 timeout=60s kill=11s platform=20s", ""},
        {10s, TreeEmpty{}, "draining exit=0 timeout=60s kill=11s drain=15s platform=20s", "FinishLogs"}}},
      {"stop request and timeout in the same turn: the first one stands, and only it signals",
       kUsual,
       {{60s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=68s platform=70s",
         "SignalJob(15)"},
        {60s, Tick{}, "stopping for=stop forwarded=15 timeout=60s kill=68s platform=70s", ""}}},
      {"timeout: term, grace, kill",
       kUsual,
       {{60s, Tick{}, "stopping for=timeout timeout=60s kill=68s", "SignalJob(15)"},
        {68s, Tick{}, "killing for=timeout timeout=60s kill=68s rekill=68.02s give_up=78s", "KillTree"},
        {68001ms, MainEnded{killed_by(SIGKILL)},
         "killing for=timeout signal=9 timeout=60s kill=68s rekill=68.02s give_up=78s", ""},
        {68001ms, TreeEmpty{},
         "draining for=timeout signal=9 timeout=60s kill=68s rekill=68.02s give_up=78s drain=73.001s", "FinishLogs"}}},
      {"timeout answered within the grace",
       kUsual,
       {{60s, Tick{}, "stopping for=timeout timeout=60s kill=68s", "SignalJob(15)"},
        {62s, MainEnded{exited(0)}, "settling for=timeout exit=0 timeout=60s kill=63s", "SignalLeftovers(15)"}}},
      {"a late tick still finds the deadline",
       kUsual,
       {{75s, Tick{}, "stopping for=timeout timeout=60s kill=83s", "SignalJob(15)"}}},
      {"stop during the timeout's grace: its cause stands, and the platform's clock runs",
       kUsual,
       {{60s, Tick{}, "stopping for=timeout timeout=60s kill=68s", "SignalJob(15)"},
        {62s, SignalArrived{SIGTERM}, "stopping for=timeout forwarded=15 timeout=60s kill=68s platform=72s",
         "SignalJob(15)"},
        {67s, MainEnded{exited(1)}, "settling for=timeout exit=1 forwarded=15 timeout=60s kill=68s platform=72s",
         "SignalLeftovers(15)"},
        {67s, TreeEmpty{}, "draining for=timeout exit=1 forwarded=15 timeout=60s kill=68s drain=71s platform=72s",
         "FinishLogs"}}},
      {"each further stop request: passed on, and halves what is left of the grace",
       kUsual,
       {{5s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=13s platform=15s",
         "SignalJob(15)"},
        {7s, SignalArrived{SIGINT}, "stopping for=stop forwarded=2,15 timeout=60s kill=10s platform=15s",
         "SignalJob(2)"},
        {8s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=2,15 timeout=60s kill=9s platform=15s",
         "SignalJob(15)"}}},
      {"a signal is rewritten, and means both what it was and what it becomes",
       kRewriting,
       {{1s, SignalArrived{SIGHUP}, "running timeout=60s", ""},
        {2s, SignalArrived{SIGUSR2}, "running forwarded=10 timeout=60s", "SignalJob(10)"},
        {5s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=3,10 timeout=60s kill=13s platform=15s",
         "SignalJob(3)"}}},
      {"signals for the main process alone; the timeout is for all",
       kToChild,
       {{1s, SignalArrived{SIGUSR1}, "running forwarded=10 timeout=60s", "SignalMain(10)"},
        {60s, Tick{}, "stopping for=timeout forwarded=10 timeout=60s kill=68s", "SignalJob(15)"}}},
      {"no signals passed on: a stop request still ends the job, and it does not die of what it never got",
       kToNobody,
       {{1s, SignalArrived{SIGUSR1}, "running timeout=60s", ""},
        {5s, SignalArrived{SIGINT}, "stopping for=stop timeout=60s kill=13s platform=15s", "SignalJob(15)"}}},
      {"idle: looked at from the last output on",
       kIdle,
       {{3s, LogsMoved{}, "running timeout=60s idle=10s", ""},
        {10s, Tick{}, "running timeout=60s idle=13s", ""},
        {12s, LogsMoved{}, "running timeout=60s idle=13s", ""},
        {13s, Tick{}, "running timeout=60s idle=22s", ""},
        {22s, Tick{}, "stopping for=idle timeout=60s idle=22s kill=30s", "SignalJob(15)"}}},
      {"idle and wall clock due at once: the wall clock's",
       with(kIdle, [](Policy& policy) { policy.timeout = 10s; }),
       {{10s, Tick{}, "stopping for=timeout timeout=10s idle=10s kill=18s", "SignalJob(15)"}}},
      {"a job whose output is closed cannot be idle",
       kIdle,
       {{3s, LogsDone{}, "running logs_done timeout=60s", ""}, {59s, Tick{}, "running logs_done timeout=60s", ""}}},
      {"leftovers are waited for, and are part of the run",
       kWaiting,
       {{5s, MainEnded{exited(0)}, "settling exit=0 timeout=60s", ""},
        {9s, TreeEmpty{}, "draining exit=0 timeout=60s drain=14s", "FinishLogs"}}},
      {"leftovers that are waited for run into the timeout",
       kWaiting,
       {{5s, MainEnded{exited(0)}, "settling exit=0 timeout=60s", ""},
        {60s, Tick{}, "settling for=timeout exit=0 timeout=60s kill=68s", "SignalLeftovers(15)"},
        {68s, Tick{}, "killing for=timeout exit=0 timeout=60s kill=68s rekill=68.02s give_up=78s", "KillTree"}}},
      {"leftovers that are waited for are stopped",
       kWaiting,
       {{5s, MainEnded{exited(0)}, "settling exit=0 timeout=60s", ""},
        {6s, SignalArrived{SIGTERM}, "settling for=stop exit=0 timeout=60s kill=14s platform=16s",
         "SignalLeftovers(15)"},
        {8s, SignalArrived{SIGTERM}, "settling for=stop exit=0 timeout=60s kill=11s platform=16s", ""}}},
      {"leftovers are ignored: the log's last, and the end",
       kIgnoring,
       {{5s, MainEnded{exited(0)}, "draining exit=0 timeout=60s drain=10s", "FinishLogs"},
        {5s, LogsDone{}, "finished exit=0 logs_done timeout=60s drain=10s", ""}}},
      {"exit at the very moment of the kill",
       kUsual,
       {{5s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=13s platform=15s",
         "SignalJob(15)"},
        {13s, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=15 timeout=60s kill=13s platform=15s",
         "SignalLeftovers(15)"},
        {13s, TreeEmpty{}, "draining for=stop exit=0 forwarded=15 timeout=60s kill=13s drain=14s platform=15s",
         "FinishLogs"},
        {13s, Tick{}, "draining for=stop exit=0 forwarded=15 timeout=60s kill=13s drain=14s platform=15s", ""}}},
      {"leftovers: stop signal, grace, kill again and again, then the log's last",
       kUsual,
       {{10s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=11s", "SignalLeftovers(15)"},
        {11s, Tick{}, "killing exit=0 timeout=60s kill=11s rekill=11.02s give_up=21s", "KillTree"},
        {11020ms, Tick{}, "killing exit=0 timeout=60s kill=11s rekill=11.04s give_up=21s", "KillTree"},
        {11045ms, Tick{}, "killing exit=0 timeout=60s kill=11s rekill=11.065s give_up=21s", "KillTree"},
        {11050ms, TreeEmpty{}, "draining exit=0 timeout=60s kill=11s rekill=11.065s give_up=21s drain=16.05s",
         "FinishLogs"}}},
      {"leftovers that outlast the wall-clock limit are no timeout",
       kLongLeftovers,
       {{59s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=89s", "SignalLeftovers(15)"},
        {60s, Tick{}, "settling exit=0 timeout=60s kill=89s", ""}}},
      {"leftovers get no more than the stop request left",
       kLongLeftovers,
       {{5s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=13s platform=15s",
         "SignalJob(15)"},
        {6s, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=15 timeout=60s kill=13s platform=15s",
         "SignalLeftovers(15)"}}},
      {"a stop request shortens the leftovers' grace",
       kLongLeftovers,
       {{10s, MainEnded{exited(0)}, "settling exit=0 timeout=60s kill=40s", "SignalLeftovers(15)"},
        {12s, SignalArrived{SIGTERM}, "settling exit=0 timeout=60s kill=20s platform=22s", ""}}},
      {"tree empty after the log's end: finished at once, nothing to read",
       kUsual,
       {{9s, LogsDone{}, "running logs_done timeout=60s", ""},
        {10s, MainEnded{exited(0)}, "settling exit=0 logs_done timeout=60s kill=11s", "SignalLeftovers(15)"},
        {10s, TreeEmpty{}, "finished exit=0 logs_done timeout=60s kill=11s drain=15s", ""}}},
      // Limits.
      {"of two limits that are due at once, the one that was due first is the cause",
       with(kUsual, [](Policy& policy) { policy.idle_timeout = 59s; }),
       {{60s, Tick{}, "stopping for=idle timeout=60s idle=59s kill=68s", "SignalJob(15)"}}},
      {"one attempt's timeout",
       kOneOfSeveral,
       {{30s, Tick{}, "stopping for=attempt timeout=60s attempt=30s kill=38s", "SignalJob(15)"}}},
      {"a deadline, moved by a clock that was set",
       kUsual,
       {{0s, DeadlineAt{at(50s)}, "running timeout=60s deadline=50s", ""},
        {10s, DeadlineAt{at(30s)}, "running timeout=60s deadline=30s", ""},
        {20s, DeadlineAt{at(40s)}, "running timeout=60s deadline=40s", ""},
        {30s, Tick{}, "running timeout=60s deadline=40s", ""},
        {40s, Tick{}, "stopping for=deadline timeout=60s deadline=40s kill=48s", "SignalJob(15)"}}},
      {"leftovers that are waited for have the deadline too, but no other clock",
       with(kStarting, [](Policy& policy) { policy.leftovers = Leftovers::wait; }),
       {{0s, DeadlineAt{at(50s)}, "running timeout=60s deadline=50s start=10s every=5s", ""},
        {1s, MainEnded{exited(0)}, "settling exit=0 timeout=60s deadline=50s start=10s every=5s", ""},
        {20s, Tick{}, "settling exit=0 timeout=60s deadline=50s start=10s every=5s", ""},
        {50s, Tick{}, "settling for=deadline exit=0 timeout=60s deadline=50s start=10s every=5s kill=58s",
         "SignalLeftovers(15)"}}},
      {"a job that never says that it is ready",
       kStarting,
       {{3s, Notification{.alive = true}, "running timeout=60s start=10s every=5s", ""},
        {10s, Tick{}, "stopping for=start timeout=60s start=10s every=5s kill=18s", "SignalJob(15)"}}},
      {"the watchdog is wound when the job is ready, and bites with SIGABRT",
       kStarting,
       {{9s, Notification{.ready = true}, "running timeout=60s watchdog=14s every=5s ready", ""},
        {13s, Notification{.alive = true}, "running timeout=60s watchdog=18s every=5s ready", ""},
        {18s, Tick{}, "stopping for=watchdog timeout=60s watchdog=18s every=5s ready kill=26s", "SignalJob(6)"}}},
      {"the watchdog runs from the start where none waits for READY=1, and the job may set it",
       kWatched,
       {{1s, Notification{.watchdog = 20s}, "running timeout=60s watchdog=21s every=20s", ""},
        {2s, Notification{.stopping = true}, "running timeout=60s", ""},
        {3s, Notification{.alive = true}, "running timeout=60s", ""}}},
      {"a job that finds itself stuck triggers the watchdog",
       kWatched,
       {{1s, Notification{.trigger = true}, "stopping for=watchdog timeout=60s watchdog=5s every=5s kill=9s",
         "SignalJob(6)"}}},
      {"a job that may extend its timeouts, but not its deadline",
       kOneOfSeveral,
       {{0s, DeadlineAt{at(70s)}, "running timeout=60s deadline=70s attempt=30s", ""},
        {10s, Notification{.extend = 5s}, "running timeout=60s deadline=70s attempt=30s", ""},
        {29s, Notification{.extend = 60s}, "running timeout=89s deadline=70s attempt=89s", ""},
        {70s, Tick{}, "stopping for=deadline timeout=89s deadline=70s attempt=89s kill=78s", "SignalJob(15)"},
        {71s, Notification{.extend = 20s}, "stopping for=deadline timeout=89s deadline=70s attempt=89s kill=91s", ""},
        {72s, SignalArrived{SIGTERM},
         "stopping for=deadline forwarded=15 timeout=89s deadline=70s attempt=89s kill=80s platform=82s",
         "SignalJob(15)"},
        {73s, Notification{.extend = 20s},
         "stopping for=deadline forwarded=15 timeout=89s deadline=70s attempt=89s kill=80s platform=82s", ""}}},
      {"CPU time is looked at when it could be used up, and no sooner",
       kMetered,
       {{10s, Tick{}, "running timeout=60s cpu=10.01s", "MeasureCpu"},
        {10s, CpuUsed{12s}, "running timeout=60s cpu=14s", ""},
        {14s, Tick{}, "running timeout=60s cpu=14.01s", "MeasureCpu"},
        {14s, CpuUsed{20s - 1ns}, "running timeout=60s cpu=14.01s", ""},
        {14010ms, Tick{}, "running timeout=60s cpu=14.02s", "MeasureCpu"},
        {14010ms, CpuUsed{20s}, "stopping for=cpu timeout=60s cpu=14.02s kill=22.01s", "SignalJob(15)"},
        {14011ms, CpuUsed{21s}, "stopping for=cpu timeout=60s cpu=14.02s kill=22.01s", ""}}},
      {"memory: looked at sooner and sooner, warned of once, ended at the limit",
       kGuarded,
       {{750ms, Tick{}, "running timeout=60s memory=0.85s", "MeasureMemory"},
        {750ms, MemoryUsed{kGiB}, "running timeout=60s memory=1.25s", ""},
        {1250ms, Tick{}, "running timeout=60s memory=1.35s", "MeasureMemory"},
        {1250ms, MemoryUsed{2 * kGiB}, "running timeout=60s memory=1.5s", ""},
        {1500ms, MemoryUsed{3 * kGiB}, "running timeout=60s memory=1.625s memory_warned", "WarnMemory(3GiB)"},
        {1700ms, MemoryUsed{3 * kGiB}, "running timeout=60s memory=1.95s memory_warned", ""},
        {1950ms, MemoryUsed{4 * kGiB}, "stopping for=memory timeout=60s memory=2.075s kill=9.95s memory_warned",
         "SignalJob(19) NameProcesses SignalJob(15) SignalJob(18)"},
        {1960ms, MainEnded{exited(1)}, "settling for=memory exit=1 timeout=60s memory=2.075s kill=2.96s memory_warned",
         "SignalLeftovers(15)"}}},
      {"memory: nobody's answer is not waited for",
       kGuarded,
       {{750ms, Tick{}, "running timeout=60s memory=0.85s", "MeasureMemory"},
        {850ms, Tick{}, "running timeout=60s memory=0.95s", "MeasureMemory"}}},
      {"memory: at the brim the grace is over",
       kGuarded,
       {{1s, MemoryUsed{4 * kGiB}, "stopping for=memory timeout=60s memory=1.25s kill=9s memory_warned",
         "WarnMemory(4GiB) SignalJob(19) NameProcesses SignalJob(15) SignalJob(18)"},
        {1250ms, Tick{}, "stopping for=memory timeout=60s memory=1.35s kill=9s memory_warned", "MeasureMemory"},
        {1250ms, MemoryUsed{5 * kGiB},
         "killing for=memory timeout=60s memory=1.251s kill=1.25s rekill=1.27s give_up=11.25s memory_warned",
         "KillTree"}}},
      {"memory: a job that leaps over the brim gets no grace",
       kGuarded,
       {{1s, MemoryUsed{6 * kGiB},
         "killing for=memory timeout=60s memory=1.001s kill=1s rekill=1.02s give_up=11s memory_warned",
         "WarnMemory(6GiB) SignalJob(19) NameProcesses SignalJob(15) SignalJob(18) KillTree"}}},
      {"memory: by SIGKILL, when that is asked for",
       kKilling,
       {{1s, MemoryUsed{4 * kGiB},
         "killing for=memory timeout=60s memory=1.25s kill=1s rekill=1.02s give_up=11s memory_warned",
         "WarnMemory(4GiB) SignalJob(19) NameProcesses KillTree"}}},
      {"memory: by SIGKILL, also after a patient stop request",
       kPatientKilling,
       {{1s, SignalArrived{SIGTERM}, "running for=stop forwarded=15 timeout=60s memory=0.75s", "SignalJob(15)"},
        {1s, MemoryUsed{4 * kGiB},
         "killing for=stop forwarded=15 timeout=60s memory=1.25s kill=1s rekill=1.02s give_up=11s memory_warned",
         "WarnMemory(4GiB) SignalJob(19) NameProcesses KillTree"}}},
      {"memory: by a signal of one's own",
       kByUsr1,
       {{1s, MemoryUsed{4 * kGiB}, "stopping for=memory timeout=60s memory=1.25s kill=9s memory_warned",
         "WarnMemory(4GiB) SignalJob(19) NameProcesses SignalJob(10) SignalJob(18)"}}},
      {"memory: the limit is none during a timeout's grace, but the brim is",
       kGuarded,
       {{60s, Tick{}, "stopping for=timeout timeout=60s memory=60.1s kill=68s", "MeasureMemory SignalJob(15)"},
        {61s, Tick{}, "stopping for=timeout timeout=60s memory=61.1s kill=68s", "MeasureMemory"},
        {61s, MemoryUsed{4 * kGiB}, "stopping for=timeout timeout=60s memory=61.25s kill=68s memory_warned",
         "WarnMemory(4GiB)"},
        {61250ms, MemoryUsed{5 * kGiB},
         "killing for=timeout timeout=60s memory=61.251s kill=61.25s rekill=61.27s give_up=71.25s memory_warned",
         "SignalJob(19) NameProcesses KillTree"}}},
      {"memory: of leftovers that are waited for, too",
       kGuardedAndWaiting,
       {{1s, MainEnded{exited(0)}, "settling exit=0 timeout=60s memory=0.75s", ""},
        {1s, Tick{}, "settling exit=0 timeout=60s memory=1.1s", "MeasureMemory"},
        {1s, MemoryUsed{4 * kGiB}, "settling for=memory exit=0 timeout=60s memory=1.25s kill=9s memory_warned",
         "WarnMemory(4GiB) NameProcesses SignalLeftovers(15)"}}},
      {"memory: a warning alone ends nothing",
       kOnlyWarned,
       {{500ms, MemoryUsed{3 * kGiB}, "running timeout=60s memory=0.501s memory_warned", "WarnMemory(3GiB)"}}},
      {"warnings, each once and in their order",
       kWarning,
       {{39s, Tick{}, "running timeout=60s", ""},
        {40s, Tick{}, "running timeout=60s warned=20s", "Warn(20s) SignalJob(10)"},
        {41s, Tick{}, "running timeout=60s warned=20s", ""},
        {56s, Tick{}, "running timeout=60s warned=5s", "Warn(4s)"},
        {60s, Tick{}, "stopping for=timeout timeout=60s warned=5s kill=68s", "SignalJob(15)"}}},
      {"a job that gets more time is warned again when that ends",
       kWarning,
       {{40s, Tick{}, "running timeout=60s warned=20s", "Warn(20s) SignalJob(10)"},
        {41s, Notification{.extend = 60s}, "running timeout=101s", ""},
        {81s, Tick{}, "running timeout=101s warned=20s", "Warn(20s) SignalJob(10)"}}},
      {"a warning that was due before the job started is none",
       kWarning,
       {{0s, DeadlineAt{at(12s)}, "running timeout=60s deadline=12s warned=20s", ""},
        {7s, Tick{}, "running timeout=60s deadline=12s warned=5s", "Warn(5s)"}}},
      {"the main process' status went astray while running",
       kNoTimeout,
       {{10s, TreeEmpty{}, "draining drain=15s", "FinishLogs"}, {10s, LogsDone{}, "finished logs_done drain=15s", ""}}},
      {"the main process' status went astray while stopping",
       kNoTimeout,
       {{5s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 kill=13s platform=15s", "SignalJob(15)"},
        {6s, TreeEmpty{}, "draining for=stop forwarded=15 kill=13s drain=11s platform=15s", "FinishLogs"}}},
      {"a standing log reader is given up, a slow one is not",
       kNoTimeout,
       {{10s, MainEnded{exited(0)}, "settling exit=0 kill=11s", "SignalLeftovers(15)"},
        {10s, TreeEmpty{}, "draining exit=0 kill=11s drain=15s", "FinishLogs"},
        {14s, LogsMoved{}, "draining exit=0 kill=11s drain=19s", ""},
        {15s, Tick{}, "draining exit=0 kill=11s drain=19s", ""},
        {18s, LogsMoved{}, "draining exit=0 kill=11s drain=23s", ""},
        {23s, Tick{}, "finished exit=0 kill=11s drain=23s", "DropLogs"}}},
      {"draining ends with half the reserve left, however the log moves",
       kNoTimeout,
       {{0s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 kill=8s platform=10s", "SignalJob(15)"},
        {6s, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=15 kill=7s platform=10s", "SignalLeftovers(15)"},
        {6s, TreeEmpty{}, "draining for=stop exit=0 forwarded=15 kill=7s drain=9s platform=10s", "FinishLogs"},
        {8900ms, LogsMoved{}, "draining for=stop exit=0 forwarded=15 kill=7s drain=9s platform=10s", ""},
        {9s, Tick{}, "finished for=stop exit=0 forwarded=15 kill=7s drain=9s platform=10s", "DropLogs"}}},
      {"draining that begins past its limit is due at once",
       kNoReserve,
       {{0s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=10s platform=10s",
         "SignalJob(15)"},
        {9900ms, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=15 timeout=60s kill=10s platform=10s",
         "SignalLeftovers(15)"},
        {9900ms, TreeEmpty{}, "draining for=stop exit=0 forwarded=15 timeout=60s kill=10s drain=9.8s platform=10s",
         "FinishLogs"},
        {9900ms, Tick{}, "finished for=stop exit=0 forwarded=15 timeout=60s kill=10s drain=9.8s platform=10s",
         "DropLogs"}}},
      {"without a reserve, draining still leaves a moment for the report",
       kNoReserve,
       {{0s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=10s platform=10s",
         "SignalJob(15)"},
        {9s, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=15 timeout=60s kill=10s platform=10s",
         "SignalLeftovers(15)"},
        {9s, TreeEmpty{}, "draining for=stop exit=0 forwarded=15 timeout=60s kill=10s drain=9.8s platform=10s",
         "FinishLogs"}}},
      {"stop while draining: the patience is cut",
       with(kNoTimeout, [](Policy& policy) { policy.drain_timeout = 60s; }),
       {{10s, MainEnded{exited(0)}, "settling exit=0 kill=11s", "SignalLeftovers(15)"},
        {10s, TreeEmpty{}, "draining exit=0 kill=11s drain=70s", "FinishLogs"},
        {20s, SignalArrived{SIGTERM}, "draining exit=0 kill=11s drain=29s platform=30s", ""},
        {25s, LogsMoved{}, "draining exit=0 kill=11s drain=29s platform=30s", ""},
        {26s, SignalArrived{SIGTERM}, "draining exit=0 kill=11s drain=29s platform=30s", ""}}},
      {"a reserve that eats the whole grace kills at once",
       kAllReserve,
       {{0s, SignalArrived{SIGTERM}, "stopping for=stop forwarded=15 timeout=60s kill=0s platform=10s",
         "SignalJob(15)"}}},
      {"the job's own stop signal is a stop request, and a timeout sends it",
       kStopByUsr1,
       {{1s, SignalArrived{SIGHUP}, "running forwarded=1 timeout=60s", "SignalJob(1)"},
        {5s, SignalArrived{SIGUSR1}, "stopping for=stop forwarded=1,10 timeout=60s kill=13s platform=15s",
         "SignalJob(10)"},
        {6s, MainEnded{exited(0)}, "settling for=stop exit=0 forwarded=1,10 timeout=60s kill=7s platform=15s",
         "SignalLeftovers(10)"}}},
      {"what SIGKILL does not end is given up, and the run goes on without it",
       kNoTimeout,
       {{10s, MainEnded{exited(0)}, "settling exit=0 kill=11s", "SignalLeftovers(15)"},
        {11s, Tick{}, "killing exit=0 kill=11s rekill=11.02s give_up=21s", "KillTree"},
        {20990ms, Tick{}, "killing exit=0 kill=11s rekill=21.01s give_up=21s", "KillTree"},
        {21s, Tick{}, "draining exit=0 unkillable kill=11s rekill=21.01s give_up=21s drain=26s", "FinishLogs"},
        {21s, LogsDone{}, "finished exit=0 logs_done unkillable kill=11s rekill=21.01s give_up=21s drain=26s", ""}}},
      {"a main process that hangs in the kernel has no status, and one that comes after all is taken",
       kUsual,
       {{60s, Tick{}, "stopping for=timeout timeout=60s kill=68s", "SignalJob(15)"},
        {68s, Tick{}, "killing for=timeout timeout=60s kill=68s rekill=68.02s give_up=78s", "KillTree"},
        {78s, Tick{}, "draining for=timeout unkillable timeout=60s kill=68s rekill=68.02s give_up=78s drain=83s",
         "FinishLogs"},
        {79s, MainEnded{killed_by(SIGKILL)},
         "draining for=timeout signal=9 unkillable timeout=60s kill=68s rekill=68.02s give_up=78s drain=83s", ""}}},
  };
  return all;
}

class MachineScript : public testing::TestWithParam<Script> {};

TEST_P(MachineScript, Plays) {
  const Script& script = GetParam();
  State state = start(script.policy, kStart);
  for (const Moment& moment : script.moments) {
    SCOPED_TRACE(fmt::format("at {}s", seconds(at(moment.when))));
    Step next = step(script.policy, state, moment.event, at(moment.when));
    ASSERT_EQ(describe(next.state), moment.state);
    ASSERT_EQ(describe(next.actions), moment.actions);
    state = std::move(next.state);
  }
}

INSTANTIATE_TEST_SUITE_P(Races, MachineScript, testing::ValuesIn(scripts()), test::kRowName);

// ---- single rules ---------------------------------------------------------------------------------------------------

TEST(Machine, WithoutATimeoutTheProcessSleepsWithoutATimer) {
  const State state = start(kNoTimeout, kStart);
  EXPECT_EQ(describe(state), "running");
  EXPECT_EQ(next_deadline(kNoTimeout, state), std::nullopt);
  const Step next = step(kNoTimeout, state, Tick{}, at(24h * 365 * 50));
  EXPECT_EQ(describe(next.state), "running");
  EXPECT_EQ(describe(next.actions), "");
}

TEST(Machine, NextDeadlineIsThePhasesOwn) {
  State state;
  state.clocks[Intent::timeout] = at(1s);
  state.kill_at = at(2s);
  state.rekill_at = at(3s);
  state.give_up_at = at(4s);
  state.drain_until = at(5s);
  state.platform_kill_at = at(0s);  // never waited for: it is not ours
  const std::vector<std::pair<Phase, std::optional<TimePoint>>> expected{
      {Phase::running, at(1s)}, {Phase::stopping, at(2s)}, {Phase::settling, at(2s)},
      {Phase::killing, at(3s)}, {Phase::draining, at(5s)}, {Phase::finished, std::nullopt},
  };
  for (const auto& [phase, deadline] : expected) {
    state.phase = phase;
    EXPECT_EQ(next_deadline(kUsual, state), deadline) << phase_name(phase);
  }
  state.phase = Phase::killing;
  state.rekill_at = at(4100ms);
  EXPECT_EQ(next_deadline(kUsual, state), at(4s)) << "giving up comes before one more round";
}

TEST(Machine, GraceIsWhatTheReserveLeaves) {
  for (const auto& [grace, reserve, expected] : std::vector<std::tuple<Duration, Duration, Duration>>{
           {10s, 2s, 8s}, {30s, 0s, 30s}, {2s, 2s, 0s}, {1s, 2s, 0s}, {0s, 0s, 0s}}) {
    Policy policy;
    policy.stop_grace = grace;
    policy.report_reserve = reserve;
    EXPECT_EQ(policy.grace(), expected);
  }
}

TEST(Machine, StopRequests) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    const bool usual = number == SIGTERM || number == SIGINT;
    EXPECT_EQ(is_stop_request(kUsual, number), usual) << number;
    EXPECT_EQ(is_stop_request(kStopByUsr1, number), usual || number == SIGUSR1) << number;
    EXPECT_EQ(is_stop_request(kOnATerminal, number), number == SIGTERM) << number;
  }
}

// The promise that weighs most: the ending is never lost. A process that hangs in the kernel must not cost the report
// its time before the platform's SIGKILL, whenever the platform asked.
TEST(Machine, GivingUpLeavesTimeForTheReport) {
  struct Case {
    const char* name;
    Duration stop_at;
  };
  for (const Case& one : {Case{"stop request ends the run", 10s}, Case{"stop request within a timeout's grace", 61s},
                          Case{"stop request while SIGKILL is out", 68500ms}}) {
    SCOPED_TRACE(one.name);
    State state = start(kUsual, kStart);
    bool asked = false;
    while (state.phase != Phase::draining) {
      const TimePoint due = next_deadline(kUsual, state).value();
      const bool stop_is_next = !asked && at(one.stop_at) <= due;
      const Event event = stop_is_next ? Event(SignalArrived{SIGTERM}) : Event(Tick{});
      state = step(kUsual, state, event, stop_is_next ? at(one.stop_at) : due).state;
      asked = asked || stop_is_next;
    }
    EXPECT_TRUE(state.unkillable);
    ASSERT_TRUE(state.platform_kill_at && state.drain_until && state.give_up_at);
    EXPECT_LE(seconds(*state.drain_until), seconds(*state.platform_kill_at - kUsual.report_reserve / 2));
    EXPECT_LT(seconds(*state.give_up_at), seconds(*state.platform_kill_at)) << "the platform has killed us by then";
  }
}

// However little of the grace is left: what SIGKILL was only just sent to is not yet a process that hangs in the
// kernel.
TEST(Machine, SigkillIsGivenAMomentToWork) {
  for (const Duration reserve : {Duration(0s), Duration(100ms), Duration(200ms), Duration(400ms), Duration(2s)}) {
    Policy policy = kNoTimeout;
    policy.report_reserve = reserve;
    State state = step(policy, start(policy, kStart), SignalArrived{SIGTERM}, kStart).state;
    const TimePoint killed_at = next_deadline(policy, state).value();
    state = step(policy, state, Tick{}, killed_at).state;
    ASSERT_EQ(state.phase, Phase::killing);
    ASSERT_TRUE(state.rekill_at);
    EXPECT_EQ(seconds(*next_deadline(policy, state)), seconds(*state.rekill_at))
        << "with a reserve of " << reserve.count();
    state = step(policy, state, Tick{}, killed_at).state;
    EXPECT_FALSE(state.unkillable) << "with a reserve of " << reserve.count();
  }
}

// ---- whatever happens -----------------------------------------------------------------------------------------------

int rank(Phase phase) {
  switch (phase) {
    case Phase::running: return 0;
    case Phase::stopping: return 1;
    case Phase::settling: return 2;
    case Phase::killing: return 3;
    case Phase::draining: return 4;
    case Phase::finished: return 5;
  }
  return -1;
}

Event random_event(std::mt19937& random) {
  switch (random() % 13) {
    case 6:
      return Notification{.ready = random() % 2 == 0,
                          .alive = random() % 2 == 0,
                          .trigger = random() % 8 == 0,
                          .extend = random() % 4 == 0 ? std::optional<Duration>(9s) : std::nullopt};
    case 7: return CpuUsed{std::chrono::seconds(random() % 30)};
    case 9: return MemoryUsed{random() % (6 * kGiB)};
    case 8: return DeadlineAt{at(std::chrono::seconds(random() % 100))};
    case 0: return MainEnded{exited(static_cast<int>(random() % 3))};
    case 1: return TreeEmpty{};
    case 2: return SignalArrived{SIGTERM};
    case 3: return SignalArrived{SIGUSR1};
    case 4: return LogsMoved{};
    case 5: return LogsDone{};
    default: return Tick{};
  }
}

void expect_lawful(const Policy& policy, const State& before, const Step& next, bool extended) {
  const State& after = next.state;
  EXPECT_GE(rank(after.phase), rank(before.phase)) << "a phase never comes back";
  if (before.intent) {
    EXPECT_EQ(after.intent, before.intent) << "the first reason stands";
  }
  if (before.main_status) {
    EXPECT_EQ(after.main_status->value, before.main_status->value) << "a run ends once";
  }
  if (before.platform_kill_at) {
    EXPECT_EQ(after.platform_kill_at, before.platform_kill_at);
  }
  if (before.kill_at && !extended) {
    EXPECT_LE(after.kill_at, before.kill_at) << "nobody gets more time than was promised";
  }
  if (before.phase == Phase::finished) {
    EXPECT_TRUE(next.actions.empty());
  }
  if (after.phase != Phase::running && after.phase != Phase::finished) {
    EXPECT_TRUE(next_deadline(policy, after)) << "waits for ever in " << describe(after);
  }
  if (after.phase == Phase::draining && after.platform_kill_at) {
    EXPECT_LE(after.drain_until, *after.platform_kill_at - policy.report_reserve / 2);
  }
  for (const Action& action : next.actions) {
    if (std::holds_alternative<KillTree>(action)) {
      EXPECT_EQ(after.phase, Phase::killing);
    }
    if (before.phase == Phase::killing && after.phase == Phase::killing) {
      EXPECT_TRUE(std::holds_alternative<KillTree>(action)) << describe(next.actions);
    }
    if (std::holds_alternative<SignalJob>(action)) {
      EXPECT_FALSE(before.main_status) << "signals a pid that is gone";
    }
  }
}

TEST(Machine, HoldsItsLawsUnderAnyOrderOfEvents) {
  std::mt19937 random(20240229);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same walks every time
  std::set<Phase> visited;
  for (int walk = 0; walk < 2000 && !testing::Test::HasFailure(); ++walk) {
    const std::array<const Policy*, 6> policies{&kUsual, &kLongLeftovers, &kPatient, &kFarewell, &kGuarded, &kKilling};
    const Policy& policy = *policies.at(random() % policies.size());
    TimePoint now = kStart;
    State state = start(policy, now);
    for (int i = 0; i < 40; ++i) {
      now += std::chrono::milliseconds(random() % 4 == 0 ? random() % 20000 : random() % 30);
      const Event event = random_event(random);
      const Step next = step(policy, state, event, now);
      const auto* said = std::get_if<Notification>(&event);
      expect_lawful(policy, state, next, said != nullptr && said->extend);
      state = next.state;
      visited.insert(state.phase);
    }
  }
  EXPECT_EQ(visited.size(), 6U) << "the walks must reach every phase to say anything";
}

// Whatever has happened, once the run is to end nothing but the clock is needed to end it: no reader, no process and no
// signal can hold PID 1 for ever.
TEST(Machine, TheClockAloneEndsEveryRun) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (int walk = 0; walk < 500 && !testing::Test::HasFailure(); ++walk) {
    TimePoint now = kStart;
    State state = start(kUsual, now);
    for (std::size_t i = random() % 12; i > 0; --i) {
      now += std::chrono::milliseconds(random() % 9000);
      state = step(kUsual, state, random_event(random), now).state;
    }
    int ticks = 0;
    for (; state.phase != Phase::finished && ticks < 600; ++ticks) {  // 10 s of killing, every 20 ms, are 500
      ASSERT_TRUE(next_deadline(kUsual, state)) << describe(state);
      now = std::max(now, *next_deadline(kUsual, state));
      state = step(kUsual, state, Tick{}, now).state;
    }
    EXPECT_EQ(state.phase, Phase::finished) << "after " << ticks << " ticks: " << describe(state);
  }
}

}  // namespace
}  // namespace jobinit::supervise
