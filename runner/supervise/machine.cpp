#include "jobinit/supervise/machine.hpp"

#include <algorithm>
#include <csignal>

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;

// SIGKILL is sent again at this pace while anybody lives: a fork that was under way shows up a moment later.
constexpr Duration kRekillEvery = 20ms;
// A process that SIGKILL does not end in this time hangs in the kernel (D state); nothing more can be done about it.
constexpr Duration kGiveUpAfter = 10s;
constexpr Duration kLeastKilling = 100ms;
// CPU time is looked at when the limit could be reached at the earliest, but not more often than this.
constexpr Duration kLookAtCpuEvery = 10ms;
// Where a look at the memory gave no answer.
constexpr Duration kLookAgainAfter = 100ms;
// What systemd sends a service that its watchdog has found dead (systemd.service(5), WatchdogSec=): it makes a core
// dump or a trace of where it hangs.
constexpr int kWatchdogSignal = SIGABRT;

std::optional<TimePoint> sooner(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  if (!a || !b) {
    return a ? a : b;
  }
  return std::min(*a, *b);
}

// What is passed on in the stead of a signal that arrives; 0: nothing.
int rewritten(const Policy& policy, int arrived) {
  const auto found = policy.rewrite.find(arrived);
  return found == policy.rewrite.end() ? arrived : found->second;
}

// What of a run's limits still counts when the main process has ended and its leftovers are waited for.
bool outlives_main(Intent clock) {
  return clock == Intent::timeout || clock == Intent::deadline || clock == Intent::cpu_limit;
}

// Memory is watched for as long as there may be somebody who uses it and can still be asked to stop.
bool counts(const State& state, Intent clock) {
  if (clock == Intent::memory_limit) {
    return state.phase == Phase::running || state.phase == Phase::stopping || state.phase == Phase::settling;
  }
  return state.phase == Phase::running || (state.phase == Phase::settling && !state.kill_at && outlives_main(clock));
}

// The warning that comes next: the longest of those that are shorter than the last one given.
const Warning* next_warning(const Policy& policy, const State& state) {
  const Warning* next = nullptr;
  for (const Warning& one : policy.warnings) {
    const bool given = state.warned && one.before >= *state.warned;
    if (!given && (next == nullptr || one.before > next->before)) {
      next = &one;
    }
  }
  return next;
}

// Builds the next state and the actions that lead there.
class Stepper {
 public:
  Stepper(const Policy& policy, State state, TimePoint now) : policy_(policy), now_(now), next_{std::move(state), {}} {}

  Step take() { return std::move(next_); }

  void operator()(const MainEnded& event) {
    if (state().main_status) {
      return;
    }
    state().main_status = event.status;
    switch (state().phase) {
      case Phase::running:
      case Phase::stopping: settle(); break;
      case Phase::killing:
      case Phase::settling:
      case Phase::draining:
      case Phase::finished: break;
    }
  }

  void operator()(const TreeEmpty&) {
    switch (state().phase) {
      // Running or stopping: somebody else has taken the main process' status (a tracer's bug, the kernel's). There is
      // nothing left to wait for, and waiting for it would be for ever.
      case Phase::running:
      case Phase::stopping:
      case Phase::settling:
      case Phase::killing: drain(); break;
      case Phase::draining:
      case Phase::finished: break;
    }
  }

  void operator()(const SignalArrived& event) {
    const int number = rewritten(policy_, event.number);
    if (number == 0) {
      return;  // dropped, whatever it would have meant
    }
    const bool stop = asks_to_stop(policy_, event.number);
    if (stop && policy_.patient && state().phase == Phase::running) {
      forward(number, true);
      if (!state().intent) {
        state().intent = Intent::stop;
      }
      return;
    }
    const bool again = stop && state().platform_kill_at.has_value();
    if (stop && !again) {
      state().platform_kill_at = now_ + policy_.stop_grace;
    }
    switch (state().phase) {
      case Phase::running:
        forward(number, stop);
        if (stop) {
          begin_stopping(Intent::stop);
        }
        break;
      case Phase::stopping:
        forward(number, stop);
        if (stop) {
          hurry(again);
        }
        break;
      case Phase::settling:
        if (stop && !state().kill_at) {  // leftovers that were waited for: the run goes on, and can be stopped
          state().intent = Intent::stop;
          act(SignalLeftovers{number});
        }
        if (stop) {
          hurry(again);
        }
        break;
      case Phase::draining: limit_drain(); break;
      case Phase::killing: limit_killing(); break;
      case Phase::finished: break;
    }
  }

  void operator()(const LogsMoved&) {
    state().last_output = now_;
    if (state().phase == Phase::draining) {
      state().drain_until = now_ + policy_.drain_timeout;
      limit_drain();
    }
  }

  void operator()(const LogsDone&) {
    state().logs_done = true;
    // Output that cannot come is no sign of life, nor its absence of the contrary.
    state().clocks.erase(Intent::idle_timeout);
    if (state().phase == Phase::draining) {
      state().phase = Phase::finished;
    }
  }

  void operator()(const Notification& said) {
    if (said.watchdog) {
      state().watchdog = *said.watchdog;
    }
    if (state().phase == Phase::running) {
      if (said.ready && !state().ready) {
        state().ready = true;
        state().clocks.erase(Intent::start_timeout);
      }
      if (said.ready || said.alive || said.watchdog) {
        wind_watchdog();
      }
      if (said.stopping) {  // on its way out, a job has other things to do
        state().watchdog = {};
        wind_watchdog();
      }
    }
    if (said.extend) {
      extend(now_ + *said.extend);
    }
    if (said.trigger && state().phase == Phase::running) {
      end_job(Intent::watchdog);
    }
  }

  void operator()(const DeadlineAt& event) {
    const bool known = state().clocks.contains(Intent::deadline);
    state().clocks[Intent::deadline] = event.when;
    if (!known) {
      pass_over_warnings();
    }
  }

  void operator()(const CpuUsed& event) {
    if (!counts(state(), Intent::cpu_limit) || policy_.cpu_timeout == Duration::zero()) {
      return;
    }
    if (event.used >= policy_.cpu_timeout) {
      end_job(Intent::cpu_limit);
      return;
    }
    look_at_cpu_after(policy_.cpu_timeout - event.used);
  }

  void operator()(const MemoryUsed& event) {
    if (!counts(state(), Intent::memory_limit) || !policy_.memory.watching()) {
      return;
    }
    const MemoryUse now{now_, event.bytes};
    state().clocks[Intent::memory_limit] = now_ + until_next_look(policy_.memory, now, state().memory, event.cost);
    state().memory = now;
    if (reached(policy_.memory.warn) && !state().memory_warned) {
      state().memory_warned = true;
      act(WarnMemory{event.bytes});
    }
    if (reached(policy_.memory.limit) && !state().kill_at) {
      end_job_by_memory();
    }
    if (state().kill_at && state().phase != Phase::killing && reached(policy_.memory.brim)) {
      name_processes();
      state().kill_at = now_;
      begin_killing();
    }
  }

  // The pace counts from here: what is killed needs CPU time to die, and must not have to fight for it with us.
  void operator()(const TreeKilled&) {
    if (state().phase == Phase::killing) {
      state().rekill_at = now_ + kRekillEvery;
    }
  }

  void operator()(const Tick&) {
    switch (state().phase) {
      case Phase::running:
        if (!check_clocks()) {
          warn();
        }
        break;
      case Phase::settling:
        if (!state().kill_at) {  // leftovers that are waited for
          check_clocks();
          break;
        }
        [[fallthrough]];
      case Phase::stopping:
        if (due(state().kill_at)) {
          begin_killing();
        } else {
          check_memory();
        }
        break;
      case Phase::killing:
        if (due(state().give_up_at)) {
          state().unkillable = true;
          drain();
        } else if (due(state().rekill_at)) {
          kill();
        }
        break;
      case Phase::draining:
        if (due(state().drain_until)) {
          act(DropLogs{});
          state().phase = Phase::finished;
        }
        break;
      case Phase::finished: break;
    }
  }

  // Those that were due before there was anything to warn of; the others are given, also again, when it is time.
  void pass_over_warnings() {
    state().warned.reset();
    while (take_due_warning() != nullptr) {
    }
  }

 private:
  State& state() { return next_.state; }
  void act(const Action& action) { next_.actions.push_back(action); }
  bool due(const std::optional<TimePoint>& deadline) const { return deadline && *deadline <= now_; }

  // Given from now on; null: none is due.
  const Warning* take_due_warning() {
    const auto end = state().wall_end();
    const Warning* next = next_warning(policy_, state());
    if (!end || next == nullptr || *end - next->before > now_) {
      return nullptr;
    }
    state().warned = next->before;
    return next;
  }

  bool reached(std::uint64_t threshold) const { return threshold != 0 && next_.state.memory->used >= threshold; }

  // Looking through the processes takes its time, and after the signal there may be none left to look at. So they are
  // stopped first, all at once: what is stopped grows no more.
  void name_processes() {
    if (state().memory_named) {
      return;
    }
    state().memory_named = true;
    if (!state().main_status) {
      act(SignalJob{SIGSTOP});
    }
    act(NameProcesses{});
  }

  void end_job_by_memory() {
    name_processes();
    if (policy_.memory_kills) {
      state().intent = state().intent.value_or(Intent::memory_limit);  // there may have been a patient stop request
      state().kill_at = now_;
      begin_killing();
      return;
    }
    end_job(Intent::memory_limit);
    if (state().phase == Phase::stopping) {
      act(SignalJob{SIGCONT});
    }
  }

  void check_memory() {
    const auto clock = state().clocks.find(Intent::memory_limit);
    if (clock != state().clocks.end() && clock->second <= now_) {
      look_at_memory(clock->second);
    }
  }

  // The answer moves it; without one it is tried again.
  void look_at_memory(TimePoint& clock) {
    clock = now_ + kLookAgainAfter;
    act(MeasureMemory{});
  }

  void begin_killing() {
    state().phase = Phase::killing;
    state().give_up_at = now_ + kGiveUpAfter;
    limit_killing();
    kill();
  }

  void look_at_cpu_after(Duration used) {
    state().clocks[Intent::cpu_limit] = now_ + std::max<Duration>(used / policy_.cpus, kLookAtCpuEvery);
  }

  void forward(int number, bool stop) {
    if (policy_.forward == Forward::none) {
      if (stop) {
        act(SignalJob{policy_.stop_signal});
      }
      return;
    }
    state().forwarded.insert(number);
    act(SignalJob{number, policy_.forward == Forward::group});
  }

  // Whoever asks a second time is in a hurry: half of what is left of the grace, each time.
  void hurry(bool again) {
    state().kill_at = sooner(state().kill_at, now_ + policy_.grace());
    if (again && *state().kill_at > now_) {
      state().kill_at = now_ + (*state().kill_at - now_) / 2;
    }
  }

  // Ends the job where a limit is reached; false where none is.
  bool check_clocks() {
    for (;;) {
      auto first = state().clocks.end();
      for (auto clock = state().clocks.begin(); clock != state().clocks.end(); ++clock) {
        const bool sooner = first == state().clocks.end() || clock->second < first->second;
        if (counts(state(), clock->first) && clock->second <= now_ && sooner) {
          first = clock;
        }
      }
      if (first == state().clocks.end()) {
        return false;
      }
      if (first->first == Intent::cpu_limit) {
        first->second = now_ + kLookAtCpuEvery;  // the answer moves it
        act(MeasureCpu{});
        continue;
      }
      if (first->first == Intent::memory_limit) {
        look_at_memory(first->second);
        continue;
      }
      // Output only notes its time; the clock is moved here, so that a job that writes much costs no timer calls.
      const TimePoint idle_at = state().last_output + policy_.idle_timeout;
      if (first->first == Intent::idle_timeout && idle_at > now_) {
        first->second = idle_at;
        continue;
      }
      end_job(first->first);
      return true;
    }
  }

  // By a limit: the job is asked to stop, and has its grace.
  void end_job(Intent intent) {
    if (state().phase == Phase::settling) {
      state().intent = state().intent.value_or(intent);
      state().kill_at = now_ + policy_.grace();
      act(SignalLeftovers{policy_.stop_signal});
      return;
    }
    act(SignalJob{ending_signal(intent)});
    begin_stopping(intent);
  }

  int ending_signal(Intent intent) const {
    if (intent == Intent::watchdog) {
      return kWatchdogSignal;
    }
    return intent == Intent::memory_limit && policy_.memory_signal != 0 ? policy_.memory_signal : policy_.stop_signal;
  }

  void wind_watchdog() {
    if (state().watchdog > Duration::zero() && !state().clocks.contains(Intent::start_timeout)) {
      state().clocks[Intent::watchdog] = now_ + state().watchdog;
    } else {
      state().clocks.erase(Intent::watchdog);
    }
  }

  void extend(TimePoint until) {
    if (state().phase == Phase::stopping) {
      if (state().platform_kill_at) {
        until = std::min(until, *state().platform_kill_at - policy_.report_reserve);
      }
      state().kill_at = std::max(*state().kill_at, until);
      return;
    }
    if (state().phase != Phase::running) {
      return;
    }
    for (const Intent clock : {Intent::timeout, Intent::attempt_timeout, Intent::start_timeout}) {
      const auto found = state().clocks.find(clock);
      if (found != state().clocks.end()) {
        found->second = std::max(found->second, until);
      }
    }
    pass_over_warnings();
  }

  void warn() {
    while (const Warning* due = take_due_warning()) {
      act(Warn{*state().wall_end() - now_});
      if (due->signal != 0) {
        act(SignalJob{due->signal, policy_.forward != Forward::child});
      }
    }
  }

  // The main process has ended.
  void settle() {
    state().phase = Phase::settling;
    if (const int farewell = rewritten(policy_, policy_.farewell); farewell != 0) {
      act(SignalGroup{farewell});
    }
    if (policy_.leftovers == Leftovers::ignore) {
      drain();
      return;
    }
    if (policy_.leftovers == Leftovers::wait && !state().kill_at) {
      return;
    }
    // Left-behind processes get no more time than the stop request left for the job itself.
    state().kill_at = sooner(now_ + policy_.leftover_grace, state().kill_at);
    act(SignalLeftovers{policy_.stop_signal});
  }

  void begin_stopping(Intent intent) {
    state().phase = Phase::stopping;
    state().intent = state().intent.value_or(intent);  // there may have been a patient stop request
    state().kill_at = now_ + policy_.grace();
  }

  void kill() {
    state().rekill_at = now_ + kRekillEvery;
    act(KillTree{});
  }

  void drain() {
    state().phase = state().logs_done ? Phase::finished : Phase::draining;
    state().drain_until = now_ + policy_.drain_timeout;
    limit_drain();
    if (!state().logs_done) {
      act(FinishLogs{});
    }
  }

  // SIGKILL works at once, but not in no time: it gets a few rounds, however late it is.
  void limit_killing() {
    limit_to_report(state().give_up_at);
    state().give_up_at = std::max(*state().give_up_at, now_ + kLeastKilling);
  }

  void limit_drain() { limit_to_report(state().drain_until); }

  // Half of the reserve is for what cannot be killed and the last of the log at most, the other half the report's.
  void limit_to_report(std::optional<TimePoint>& deadline) {
    if (!state().platform_kill_at) {
      return;
    }
    const Duration reserve = std::max<Duration>(policy_.report_reserve / 2, kLastBreath);
    deadline = sooner(deadline, *state().platform_kill_at - reserve);
  }

  const Policy& policy_;
  TimePoint now_;
  Step next_;
};

}  // namespace

Duration Policy::grace() const { return std::max<Duration>(stop_grace - report_reserve, Duration::zero()); }

Duration Policy::limit(Intent clock) const {
  switch (clock) {
    case Intent::timeout: return timeout;
    case Intent::attempt_timeout: return attempt_timeout;
    case Intent::start_timeout: return start_timeout;
    case Intent::watchdog: return watchdog;
    case Intent::idle_timeout: return idle_timeout;
    case Intent::cpu_limit: return cpu_timeout;
    case Intent::deadline:
    case Intent::memory_limit:
    case Intent::stop: return {};
  }
  return {};
}

std::optional<TimePoint> State::wall_end() const {
  std::optional<TimePoint> end;
  for (const Intent clock : {Intent::timeout, Intent::deadline, Intent::attempt_timeout}) {
    const auto found = clocks.find(clock);
    if (found != clocks.end()) {
      end = sooner(end, found->second);
    }
  }
  return end;
}

std::optional<TimePoint> next_deadline(const Policy& policy, const State& state) {
  std::optional<TimePoint> next;
  switch (state.phase) {
    case Phase::running:
      if (const Warning* warning = next_warning(policy, state); warning != nullptr) {
        if (const auto end = state.wall_end()) {
          next = *end - warning->before;
        }
      }
      break;
    case Phase::settling:
    case Phase::stopping: next = state.kill_at; break;
    case Phase::killing: return sooner(state.rekill_at, state.give_up_at);
    case Phase::draining: return state.drain_until;
    case Phase::finished: return std::nullopt;
  }
  for (const auto& [clock, when] : state.clocks) {
    if (counts(state, clock)) {
      next = sooner(next, when);
    }
  }
  return next;
}

State start(const Policy& policy, TimePoint now) {
  State state;
  state.last_output = now;
  state.watchdog = policy.watchdog;
  const auto wind = [&](Intent clock, Duration limit) {
    if (limit > Duration::zero()) {
      state.clocks[clock] = now + limit;
    }
  };
  wind(Intent::timeout, policy.timeout);
  wind(Intent::attempt_timeout, policy.attempt_timeout);
  wind(Intent::start_timeout, policy.start_timeout);
  if (policy.start_timeout == Duration::zero()) {  // else it is wound when the job is ready
    wind(Intent::watchdog, policy.watchdog);
  }
  wind(Intent::idle_timeout, policy.idle_timeout);
  wind(Intent::cpu_limit, policy.cpu_timeout / policy.cpus);
  if (policy.memory.watching()) {
    state.clocks[Intent::memory_limit] = now + until_next_look(policy.memory, {now, 0}, std::nullopt, {});
  }
  Stepper stepper(policy, std::move(state), now);
  stepper.pass_over_warnings();
  return stepper.take().state;
}

Step step(const Policy& policy, State state, const Event& event, TimePoint now) {
  Stepper stepper(policy, std::move(state), now);
  std::visit([&](const auto& one) { stepper(one); }, event);
  return stepper.take();
}

bool asks_to_stop(const Policy& policy, int arrived) {
  const int number = rewritten(policy, arrived);
  return number != 0 && (is_stop_request(policy, arrived) || is_stop_request(policy, number));
}

bool is_stop_request(const Policy& policy, int signal) {
  return signal == SIGTERM || signal == policy.stop_signal || (signal == SIGINT && !policy.interactive);
}

}  // namespace jobinit::supervise
