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
      case Phase::stopping:
        state().phase = Phase::settling;
        // Left-behind processes get no more time than the stop request left for the job itself.
        state().kill_at = sooner(now_ + policy_.leftover_grace, state().kill_at);
        act(SignalLeftovers{policy_.stop_signal});
        break;
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
    const bool stop = is_stop_request(policy_, event.number);
    if (stop && !state().platform_kill_at) {
      state().platform_kill_at = now_ + policy_.stop_grace;
    }
    switch (state().phase) {
      case Phase::running:
        forward(event.number);
        if (stop) {
          begin_stopping(Intent::stop);
        }
        break;
      case Phase::stopping:
        forward(event.number);
        if (stop) {
          state().kill_at = sooner(state().kill_at, now_ + policy_.grace());
        }
        break;
      case Phase::settling:
        if (stop) {
          state().kill_at = sooner(state().kill_at, now_ + policy_.grace());
        }
        break;
      case Phase::draining: limit_drain(); break;
      case Phase::killing: limit_to_report(state().give_up_at); break;
      case Phase::finished: break;
    }
  }

  void operator()(const LogsMoved&) {
    if (state().phase == Phase::draining) {
      state().drain_until = now_ + policy_.drain_timeout;
      limit_drain();
    }
  }

  void operator()(const LogsDone&) {
    state().logs_done = true;
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
        }
        break;
      case Phase::stopping:
      case Phase::settling:
        if (due(state().kill_at)) {
          state().phase = Phase::killing;
          state().give_up_at = now_ + kGiveUpAfter;
          limit_to_report(state().give_up_at);
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

  void forward(int number) {
    state().forwarded.insert(number);
    act(SignalJob{number});
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
    case Phase::running: return timeout_at;
    case Phase::stopping:
    case Phase::settling: return kill_at;
    case Phase::killing: return sooner(rekill_at, give_up_at);
    case Phase::draining: return drain_until;
    case Phase::finished: return std::nullopt;
  }
  return std::nullopt;
}

State start(const Policy& policy, TimePoint now) {
  State state;
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
  return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == policy.stop_signal;
}

}  // namespace jobinit::supervise
