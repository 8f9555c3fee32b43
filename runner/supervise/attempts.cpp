#include <exception>

#include "jobinit/kernel/process.hpp"
#include "jobinit/supervise/attempt.hpp"

namespace jobinit::supervise {
namespace {

// The observer of a run, told by its attempts, which know of themselves only.
class RunObserver final : public Observer {
 public:
  RunObserver(Observer& told, const std::vector<Attempt>& attempts) : told_(told), attempts_(attempts) {}

  void ended(const Outcome& all) { earlier_ = all; }

  void happened(EventKind kind, const SoFar& so_far, const std::string& text) override {
    if (kind != EventKind::started || attempts_.empty()) {
      told_.happened(kind, of_run(so_far), text);
    }
  }
  pid_t helper() const override { return told_.helper(); }
  bool reaped(pid_t pid, const kernel::WaitStatus& status) override { return told_.reaped(pid, status); }
  void sacrifice() override { told_.sacrifice(); }
  std::optional<TimePoint> next_deadline() const override { return told_.next_deadline(); }
  void tick(TimePoint now, const SoFar& so_far) override { told_.tick(now, of_run(so_far)); }

 private:
  SoFar of_run(const SoFar& so_far) const {
    return [this, &so_far] {
      Outcome all = earlier_ ? merge(*earlier_, so_far()) : so_far();
      all.attempts = attempts_;
      all.duration = std::chrono::steady_clock::now() - began_;
      return all;
    };
  }

  Observer& told_;
  const std::vector<Attempt>& attempts_;
  std::optional<Outcome> earlier_;
  TimePoint began_ = std::chrono::steady_clock::now();
};

// All attempts at one job.
class Attempts {
 public:
  Attempts(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd)
      : plan_(plan), signals_(signals), signalfd_(signalfd), began_(std::chrono::steady_clock::now()) {
    if (plan.observer != nullptr) {
      observer_.emplace(*plan.observer, attempts_);
    }
  }

  Outcome run() {
    if (plan_.notify) {
      auto socket = kernel::NotifySocket::open(plan_.launch.setup.user);
      if (!socket) {
        throw std::runtime_error(socket.failure().message);
      }
      notify_ = std::move(*socket);
    }
    Outcome all;
    for (unsigned number = 1;; ++number) {
      Outcome one = attempt(number);
      all = number == 1 ? std::move(one) : merge(all, std::move(one));
      all.attempts = attempts_;
      if (observer_) {
        observer_->ended(without_tail(all));
      }
      if (!worth_retrying(plan_.retry, all, number)) {
        break;
      }
      plan_.on_failed_attempt(all);
      if (!pause(number, all)) {
        break;
      }
    }
    all.duration = std::chrono::steady_clock::now() - began_;
    return all;
  }

 private:
  Outcome attempt(unsigned number) {
    Policy policy = plan_.policy;
    if (policy.timeout > Duration::zero()) {
      // Not 0, which would be no limit: pause() has seen to it that there is time left.
      policy.timeout = std::max<Duration>(policy.timeout - elapsed(), std::chrono::milliseconds(1));
    }
    Outcome outcome = run_attempt(plan_, policy, number, notify_ ? &*notify_ : nullptr,
                                  observer_ ? &*observer_ : nullptr, signals_, signalfd_);
    if (outcome.limit == Intent::timeout) {
      outcome.limit_value = plan_.policy.timeout;
    }
    attempts_.push_back({outcome.verdict, outcome.limit, outcome.started_at, outcome.duration});
    return outcome;
  }

  Duration elapsed() const { return std::chrono::steady_clock::now() - began_; }

  // Until the next attempt is due; false when there is none, since no time is left or somebody asked to stop. The last
  // attempt's ending is then the run's: nothing else has been stopped.
  bool pause(unsigned number, Outcome& ended) {
    const Duration wait = backoff(plan_.retry, number, kernel::random_fraction());
    const bool too_long = plan_.policy.timeout > Duration::zero() && elapsed() + wait >= plan_.policy.timeout;
    const bool too_late = plan_.deadline && std::chrono::system_clock::now() + wait >= *plan_.deadline;
    if (too_long || too_late) {
      plan_.say(
          fmt::format("attempt {} ended as {}; no time is left for another", number, cause_name(ended.verdict.cause)));
      return false;
    }
    const std::string failure = fmt::format("attempt {} of {} ended as {} (exit code {}); the next one starts in {}",
                                            number, plan_.retry.retries + 1, cause_name(ended.verdict.cause),
                                            ended.verdict.exit_code, human_duration(wait));
    plan_.say(failure);
    const Observer::SoFar nothing_new = [&] { return without_tail(ended); };
    if (observer_) {
      plan_.observer->happened(EventKind::attempt_failed, nothing_new, failure);
    }
    const TimePoint until = std::chrono::steady_clock::now() + wait;
    do {
      kernel::wait_until_readable({signalfd_.get()}, next_turn(until) - std::chrono::steady_clock::now());
      for (const kernel::ReceivedSignal& signal : kernel::read_signals(signalfd_)) {
        if (asks_to_stop(plan_.policy, signal.number)) {
          ended.platform_kill_at = std::chrono::steady_clock::now() + plan_.policy.stop_grace;
        }
      }
      ended.reaped += reap_dead();
      if (const auto due = observer_ ? observer_->next_deadline() : std::nullopt;
          due && *due <= std::chrono::steady_clock::now()) {
        plan_.observer->tick(std::chrono::steady_clock::now(), nothing_new);
      }
      if (ended.platform_kill_at) {
        plan_.say("asked to stop: there is no other attempt");
        return false;
      }
    } while (std::chrono::steady_clock::now() < until);
    return true;
  }

  TimePoint next_turn(TimePoint until) const {
    return observer_ ? std::min(until, observer_->next_deadline().value_or(until)) : until;
  }

  Outcome without_tail(const Outcome& ended) const {
    Outcome outcome = ended;
    outcome.tail.clear();
    outcome.tail_truncated = false;
    for (StreamLog& stream : outcome.streams) {
      stream.tail.clear();
      stream.tail_truncated = false;
    }
    outcome.attempts = attempts_;
    outcome.duration = elapsed();
    return outcome;
  }

  std::size_t reap_dead() {
    std::size_t count = 0;
    for (kernel::Look look = kernel::look_for_dead_child(); look.children == kernel::Children::one_dead;
         look = kernel::look_for_dead_child()) {
      const auto reaped = kernel::reap(look.pid);
      if (reaped && !(observer_ && observer_->reaped(reaped->pid, reaped->status))) {
        ++count;
      }
    }
    return count;
  }

  const RunPlan& plan_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  TimePoint began_;
  std::optional<kernel::NotifySocket> notify_;
  std::vector<Attempt> attempts_;
  std::optional<RunObserver> observer_;
};

}  // namespace

Outcome supervise(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd) {
  try {
    return Attempts(plan, signals, signalfd).run();
  } catch (const std::exception& failure) {
    Outcome outcome;
    outcome.started_at = outcome.ended_at = std::chrono::system_clock::now();
    outcome.verdict = judge(Cause::internal, 125, plan.exits);
    outcome.problems.emplace_back(failure.what());
    return outcome;
  }
}

}  // namespace jobinit::supervise
