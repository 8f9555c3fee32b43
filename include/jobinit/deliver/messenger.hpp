// Tells sinks of a run while it goes on: one deliver process at a time, which nobody waits for. What happens meanwhile
// waits, the newest of each kind; what still waits when the run is over is not told any more, since the report says it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jobinit/deliver/deliver_process.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/report/report.hpp"
#include "jobinit/supervise/observer.hpp"

namespace jobinit::deliver {

struct MessengerOptions {
  ProcessOptions process;
  Duration timeout{};                            // for one event, to all sinks
  Duration heartbeat{};                          // 0: none
  std::function<void(const std::string&)> note;  // for people; must not block
};

// Whether there is a sink that wants to be told of this kind.
bool is_wanted(const std::vector<Sink>& sinks, EventKind kind);

class Messenger final : public supervise::Observer {
 public:
  using TimePoint = supervise::TimePoint;

  // What is referred to outlives this. `texts`: the sinks as given.
  Messenger(const std::vector<Sink>& sinks, const std::vector<std::string>& texts, const report::Subject& subject,
            MessengerOptions options, const kernel::SignalState& signals);
  ~Messenger() override = default;

  void happened(EventKind kind, const SoFar& so_far, const std::string& text) override;
  pid_t helper() const override { return process_ ? process_->pid() : 0; }
  bool reaped(pid_t pid, const kernel::WaitStatus& status) override;
  void sacrifice() override;
  std::optional<TimePoint> next_deadline() const override;
  void tick(TimePoint now, const SoFar& so_far) override;

  // When the run is over: the process that is under way gets until then, and is killed. Reaps every child that ends
  // meanwhile. `on_signal` is told of each signal that arrives, and says whether it asks for haste.
  void settle(TimePoint until, const kernel::Fd& signalfd, const std::function<bool(int)>& on_signal);

  // What became of it: the last event of each kind, for each sink.
  const std::vector<Delivery>& deliveries() const { return deliveries_; }

 private:
  struct Waiting {
    Event event;
    std::vector<std::size_t> sinks;  // who is to be told
  };

  void enqueue(EventKind kind, const SoFar& so_far, const std::string& text);
  void start_next();
  void launch(const Waiting& next);
  void conclude(const std::string& why_no_answer);
  void record(Delivery delivery);
  void kill(TimePoint now);

  const std::vector<Sink>& sinks_;
  const std::vector<std::string>& texts_;
  const report::Subject& subject_;
  MessengerOptions options_;
  const kernel::SignalState& signals_;
  std::vector<Waiting> waiting_;
  std::optional<DeliverProcess> process_;
  Waiting under_way_;
  std::optional<TimePoint> deadline_;  // of the process
  std::optional<TimePoint> next_beat_;
  int kills_ = 0;
  unsigned numbers_[static_cast<std::size_t>(EventKind::finished) + 1] = {};  // of events, by kind
  std::vector<Delivery> deliveries_;
};

}  // namespace jobinit::deliver
