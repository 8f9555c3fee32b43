#include "jobinit/deliver/courier.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "jobinit/deliver/request.hpp"
#include "jobinit/kernel/output.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::stream_descriptor;
using supervise::TimePoint;

constexpr Duration kReaderPatience = 2s;
constexpr int kMostStarts = 2;

// Watches over the deliver process until it has ended or its time is up.
class Errand {
 public:
  Errand(const CourierOptions& options, const kernel::SignalState& signals, const kernel::Fd& signalfd)
      : options_(options), signals_(signals), signalfd_(signalfd), answers_(loop_), arrivals_(loop_), timer_(loop_) {}
  ~Errand() {
    if (answers_.is_open()) {
      answers_.release();
    }
    if (arrivals_.is_open()) {
      arrivals_.release();
    }
  }
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

  // One answer a sink, in their order. An error when there was no process to give any.
  Result<std::vector<Answer>> run(const std::vector<std::string>& sinks, const Event& event, TimePoint until) {
    deadline_ = until + kKillMargin;
    if (options_.not_later_than) {
      deadline_ = std::min(deadline_, *options_.not_later_than - kKillMargin);
    }
    found_.resize(sinks.size());
    arrivals_.assign(signalfd_.get());
    wait_for_signals();
    arm_timer();
    for (int starts = 1;; ++starts) {
      if (auto started = start(sinks, event); !started) {
        return started.failure();
      }
      on_signals();
      while (running_) {
        loop_.run_one();
      }
      absorb_answers();
      const bool crashed = kills_ == 0 && ended_ && (ended_->signaled || ended_->value != 0);
      if (!crashed || unanswered().empty()) {
        break;
      }
      why_none_ = fmt::format("the process that delivers {}", ending_of(*ended_));
      if (starts == kMostStarts || std::chrono::steady_clock::now() + kKillMargin >= deadline_) {
        why_none_ += starts > 1 ? ", again" : "";
        break;
      }
      if (options_.note) {
        options_.note(why_none_ + "; it is started once more");
      }
    }
    std::vector<Answer> answers;
    for (const auto& one : found_) {
      answers.push_back(one.value_or(Answer{.sink = 0, .delivered = false, .detail = why_none_}));
    }
    return answers;
  }

 private:
  std::vector<std::size_t> unanswered() const {
    std::vector<std::size_t> indexes;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (!found_[i]) {
        indexes.push_back(i);
      }
    }
    return indexes;
  }

  Result<void> start(const std::vector<std::string>& sinks, const Event& event) {
    asked_ = unanswered();
    const TimePoint now = std::chrono::steady_clock::now();
    Request request{{}, event, std::max<Duration>(deadline_ - now - kKillMargin, kKillMargin), options_.process.tls};
    for (const std::size_t index : asked_) {
      request.sinks.push_back(sinks[index]);
    }
    auto process = DeliverProcess::start(encode_request(request), options_.process, signals_);
    if (!process) {
      return process.failure();
    }
    if (answers_.is_open()) {
      answers_.release();
    }
    process_ = std::move(*process);
    running_ = true;
    ended_.reset();
    answers_.assign(process_.answers().get());
    wait_for_answers();
    return {};
  }

  void absorb_answers() {
    process_.read();
    for (const std::string& line : split(process_.text(), "\n")) {
      const auto answer = decode_answer(line);
      if (answer && answer->sink < asked_.size()) {
        found_[asked_[answer->sink]] = *answer;
      }
    }
  }

  void wait_for_answers() {
    answers_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (!failure && process_.read()) {
        wait_for_answers();
      }
    });
  }

  void wait_for_signals() {
    arrivals_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      on_signals();
      wait_for_signals();
    });
  }

  void on_signals() {
    for (const kernel::ReceivedSignal& signal : kernel::read_signals(signalfd_)) {
      if (options_.is_stop_request && options_.is_stop_request(signal.number)) {
        deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + options_.after_stop);
        arm_timer();
      }
    }
    for (kernel::Look look = kernel::look_for_dead_child(); look.children != kernel::Children::alive;
         look = kernel::look_for_dead_child()) {
      if (look.children == kernel::Children::none) {
        running_ = false;
        return;
      }
      const auto reaped = kernel::reap(look.pid);
      if (reaped && reaped->pid == process_.pid()) {
        ended_ = reaped->status;
        running_ = false;
      }
    }
  }

  void arm_timer() {
    timer_.expires_at(deadline_);
    timer_.async_wait([this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      process_.kill();
      deadline_ = std::chrono::steady_clock::now() + 1s;  // its end comes as SIGCHLD; this is for when that takes long
      if (++kills_ > 3) {
        running_ = false;  // in uninterruptible sleep: the exit does not wait for it
        return;
      }
      arm_timer();
    });
  }

  const CourierOptions& options_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  boost::asio::io_context loop_{1};
  DeliverProcess process_;
  stream_descriptor answers_;
  stream_descriptor arrivals_;
  boost::asio::steady_timer timer_;
  TimePoint deadline_;
  bool running_ = false;
  std::optional<kernel::WaitStatus> ended_;
  int kills_ = 0;
  std::vector<std::optional<Answer>> found_;  // one a sink
  std::vector<std::size_t> asked_;            // which of them the process that runs has
  std::string why_none_ = "no answer in time";
};

// A log reader that stands still must not hold up the exit, and leaves the network its share of what time there is.
Duration patience_for_readers(const CourierOptions& options) {
  if (!options.not_later_than) {
    return kReaderPatience;
  }
  const Duration left = *options.not_later_than - std::chrono::steady_clock::now();
  return std::clamp<Duration>(left / 4, Duration::zero(), kReaderPatience);
}

Delivery result_of(const Sink& sink, EventKind kind) {
  Delivery delivery;
  delivery.event = kind;
  delivery.sink = sink.shown;
  return delivery;
}

void write_local(const Sink& sink, const Event& event, Duration patience, Delivery& result) {
  const TimePoint began = std::chrono::steady_clock::now();
  try {
    const auto written = sink.kind->write(sink, event, patience);
    result.delivered = static_cast<bool>(written);
    result.detail = written ? "" : written.failure().message;
  } catch (const std::exception& failure) {
    result.detail = failure.what();
  }
  result.tries = 1;
  result.took = std::chrono::steady_clock::now() - began;
}

}  // namespace

std::vector<Delivery> deliver_all(const std::vector<Sink>& sinks, const std::vector<std::string>& texts,
                                  const Event& event, const CourierOptions& options, const kernel::SignalState& signals,
                                  const kernel::Fd& signalfd) {
  std::vector<Delivery> results;
  std::vector<std::string> network;
  std::vector<std::size_t> indexes;
  // Local first: a file is written whatever the network does.
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    if (!sinks[i].filter.passes(event)) {
      continue;
    }
    results.push_back(result_of(sinks[i], event.kind));
    if (sinks[i].kind->network()) {
      indexes.push_back(results.size() - 1);
      network.push_back(texts[i]);
    } else {
      write_local(sinks[i], event, patience_for_readers(options), results.back());
    }
  }
  const TimePoint until = std::chrono::steady_clock::now() + options.timeout;
  try {
    CourierOptions last_options = options;
    if (options.before_network) {
      last_options.not_later_than = options.before_network(until);
    }
    if (network.empty()) {
      return results;
    }
    const auto answers = Errand(last_options, signals, signalfd).run(network, event, until);
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      if (answers) {
        take_answer((*answers)[i], results[indexes[i]]);
      } else {
        results[indexes[i]].detail = answers.failure().message;
      }
    }
  } catch (const std::exception& failure) {
    for (const std::size_t i : indexes) {
      results[i].detail = failure.what();
    }
  }
  return results;
}

}  // namespace jobinit::deliver
