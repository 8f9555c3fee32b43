#include "jobinit/deliver/messenger.hpp"

#include <algorithm>
#include <exception>

#include "jobinit/kernel/process.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBetweenKills = 1s;
constexpr int kMostKills = 3;

}  // namespace

bool is_wanted(const std::vector<Sink>& sinks, EventKind kind) {
  return std::any_of(sinks.begin(), sinks.end(), [&](const Sink& sink) { return sink.filter.events.contains(kind); });
}

Messenger::Messenger(const std::vector<Sink>& sinks, const std::vector<std::string>& texts,
                     const report::Subject& subject, MessengerOptions options, const kernel::SignalState& signals)
    : sinks_(sinks), texts_(texts), subject_(subject), options_(std::move(options)), signals_(signals) {}

void Messenger::happened(EventKind kind, const SoFar& so_far, const std::string& text) {
  if (kind == EventKind::started && options_.heartbeat > Duration::zero() && is_wanted(sinks_, EventKind::heartbeat)) {
    next_beat_ = std::chrono::steady_clock::now() + options_.heartbeat;
  }
  if (!is_wanted(sinks_, kind)) {
    return;
  }
  try {
    enqueue(kind, so_far, text);
    start_next();
  } catch (const std::exception&) {
    // Out of memory: the event is lost, and the run goes on.
  }
}

void Messenger::enqueue(EventKind kind, const SoFar& so_far, const std::string& text) {
  Waiting next;
  next.event = progress_event(kind, ++numbers_[static_cast<std::size_t>(kind)],
                              report::make_progress_report(subject_, so_far()), text);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    if (sinks_[i].filter.passes(next.event)) {
      next.sinks.push_back(i);
    }
  }
  std::erase_if(waiting_, [&](const Waiting& one) { return one.event.kind == kind; });
  waiting_.push_back(std::move(next));
}

void Messenger::start_next() {
  while (!process_ && !waiting_.empty()) {
    under_way_ = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    launch(under_way_);
  }
  // What building it took is not needed for waiting.
  kernel::give_back_memory();
}

void Messenger::launch(const Waiting& next) {
  Request request{{}, next.event, options_.timeout, options_.process.tls};
  for (const std::size_t sink : next.sinks) {
    request.sinks.push_back(texts_[sink]);
  }
  auto process = DeliverProcess::start(encode_request(request), options_.process, signals_);
  if (!process) {
    conclude(process.failure().message);
    return;
  }
  process_ = std::move(*process);
  under_way_.event.report = nullptr;  // the process has it; what is kept here is kept as long as the job runs
  kills_ = 0;
  deadline_ = std::chrono::steady_clock::now() + options_.timeout + kKillMargin;
}

// Everybody's answer, where there is one.
void Messenger::conclude(const std::string& why_no_answer) {
  std::vector<std::optional<Answer>> answers(under_way_.sinks.size());
  for (const std::string& line : split(process_ ? process_->text() : "", "\n")) {
    const auto answer = decode_answer(line);
    if (answer && answer->sink < answers.size()) {
      answers[answer->sink] = *answer;
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Delivery delivery;
    delivery.event = under_way_.event.kind;
    delivery.sink = sinks_[under_way_.sinks[i]].shown;
    take_answer(answers[i].value_or(Answer{.sink = i, .delivered = false, .detail = why_no_answer}), delivery);
    record(std::move(delivery));
  }
  process_.reset();
  deadline_.reset();
  under_way_ = {};
}

void Messenger::record(Delivery delivery) {
  const auto before = std::find_if(deliveries_.begin(), deliveries_.end(), [&](const Delivery& one) {
    return one.event == delivery.event && one.sink == delivery.sink;
  });
  const bool known = before != deliveries_.end() && !before->delivered;
  // A sink that is gone for the night is told of once.
  if (!delivery.delivered && !known && options_.note) {
    options_.note(
        fmt::format("{} to {} not delivered: {}", event_name(delivery.event), delivery.sink, delivery.detail));
  }
  if (before == deliveries_.end()) {
    deliveries_.push_back(std::move(delivery));
  } else {
    *before = std::move(delivery);
  }
}

bool Messenger::reaped(pid_t pid, const kernel::WaitStatus& status) {
  if (!process_ || process_->pid() != pid) {
    return false;
  }
  try {
    process_->read();
    conclude(kills_ > 0 ? "no answer in time" : fmt::format("the process that delivers {}", ending_of(status)));
    start_next();
  } catch (const std::exception&) {
    process_.reset();
    deadline_.reset();
  }
  return true;
}

void Messenger::kill(TimePoint now) {
  process_->kill();
  deadline_ = now + kBetweenKills;  // its end comes as SIGCHLD; this is for when that takes long
  if (++kills_ > kMostKills) {
    conclude("no answer in time");  // in uninterruptible sleep: nobody waits for it
  }
}

void Messenger::sacrifice() {
  if (process_) {
    process_->kill();
    ++kills_;
  }
}

std::optional<supervise::TimePoint> Messenger::next_deadline() const {
  if (deadline_ && next_beat_) {
    return std::min(*deadline_, *next_beat_);
  }
  return deadline_ ? deadline_ : next_beat_;
}

void Messenger::tick(TimePoint now, const SoFar& so_far) {
  if (process_ && deadline_ && now >= *deadline_) {
    kill(now);
  }
  if (next_beat_ && now >= *next_beat_) {
    // Not one for every beat that was missed while the machine slept.
    next_beat_ = now + options_.heartbeat;
    happened(EventKind::heartbeat, so_far, "");
  }
}

void Messenger::settle(TimePoint until, const kernel::Fd& signalfd, const std::function<bool(int)>& on_signal) {
  next_beat_.reset();
  waiting_.clear();
  while (process_) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= until) {
      kill(now);
      until = now + kBetweenKills;
      continue;
    }
    kernel::wait_until_readable({signalfd.get()}, until - now);
    for (const kernel::ReceivedSignal& signal : kernel::read_signals(signalfd)) {
      if (on_signal(signal.number)) {
        until = std::min(until, std::chrono::steady_clock::now());
      }
    }
    for (kernel::Look look = kernel::look_for_dead_child(); look.children == kernel::Children::one_dead;
         look = kernel::look_for_dead_child()) {
      if (const auto ended = kernel::reap(look.pid)) {
        reaped(ended->pid, ended->status);
      }
    }
  }
}

}  // namespace jobinit::deliver
