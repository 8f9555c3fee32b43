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
// Between jobinit's last act and the platform's SIGKILL.
constexpr Duration kSafety = 200ms;

std::optional<TimePoint> sooner(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  if (!a || !b) {
    return a ? a : b;
  }
  return std::min(*a, *b);
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
    const auto rewritten = policy_.rewrite.find(event.number);
    const int number = rewritten == policy_.rewrite.end() ? event.number : rewritten->second;
    if (number == 0) {
      return;  // dropped, whatever it would have meant
    }
    const bool stop = is_stop_request(policy_, event.number) || is_stop_request(policy_, number);
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
    state().idle_at.reset();  // output that cannot come is no sign of life, nor its absence of the contrary
    if (state().phase == Phase::draining) {
      state().phase = Phase::finished;
    }
  }

  void operator()(const Tick&) {
    switch (state().phase) {
      case Phase::running:
        if (due(state().timeout_at)) {
          act(SignalJob{policy_.stop_signal});
          begin_stopping(Intent::timeout);
        } else if (due(state().idle_at)) {
          check_idle();
        }
        break;
      case Phase::settling:
        if (!state().kill_at && due(state().timeout_at)) {  // leftovers that were waited for
          state().intent = Intent::timeout;
          state().kill_at = now_ + policy_.grace();
          act(SignalLeftovers{policy_.stop_signal});
          break;
        }
        [[fallthrough]];
      case Phase::stopping:
        if (due(state().kill_at)) {
          state().phase = Phase::killing;
          state().give_up_at = now_ + kGiveUpAfter;
          limit_killing();
          kill();
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

 private:
  State& state() { return next_.state; }
  void act(const Action& action) { next_.actions.push_back(action); }
  bool due(const std::optional<TimePoint>& deadline) const { return deadline && *deadline <= now_; }

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

  // Output only notes its time; the clock is moved here, so that a job that writes much costs no timer calls.
  void check_idle() {
    state().idle_at = state().last_output + policy_.idle_timeout;
    if (due(state().idle_at)) {
      act(SignalJob{policy_.stop_signal});
      begin_stopping(Intent::idle_timeout);
    }
  }

  // The main process has ended.
  void settle() {
    state().phase = Phase::settling;
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
    state().intent = intent;
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
    const Duration reserve = std::max<Duration>(policy_.report_reserve / 2, kSafety);
    deadline = sooner(deadline, *state().platform_kill_at - reserve);
  }

  const Policy& policy_;
  TimePoint now_;
  Step next_;
};

}  // namespace

Duration Policy::grace() const { return std::max<Duration>(stop_grace - report_reserve, Duration::zero()); }

std::optional<TimePoint> State::next_deadline() const {
  switch (phase) {
    case Phase::running: return sooner(timeout_at, idle_at);
    case Phase::stopping: return kill_at;
    case Phase::settling: return kill_at ? kill_at : timeout_at;
    case Phase::killing: return sooner(rekill_at, give_up_at);
    case Phase::draining: return drain_until;
    case Phase::finished: return std::nullopt;
  }
  return std::nullopt;
}

State start(const Policy& policy, TimePoint now) {
  State state;
  state.last_output = now;
  if (policy.idle_timeout > Duration::zero()) {
    state.idle_at = now + policy.idle_timeout;
  }
  if (policy.timeout > Duration::zero()) {
    state.timeout_at = now + policy.timeout;
  }
  return state;
}

Step step(const Policy& policy, State state, const Event& event, TimePoint now) {
  Stepper stepper(policy, std::move(state), now);
  std::visit([&](const auto& one) { stepper(one); }, event);
  return stepper.take();
}

bool is_stop_request(const Policy& policy, int signal) {
  return signal == SIGTERM || signal == policy.stop_signal || (signal == SIGINT && !policy.interactive);
}

}  // namespace jobinit::supervise
