#include "jobinit/deliver/courier.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "jobinit/deliver/request.hpp"
#include "jobinit/kernel/output.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/supervise/launch.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using boost::asio::posix::stream_descriptor;
using supervise::TimePoint;

// Answers are a line a sink; whatever is longer is not one of ours.
constexpr std::size_t kMostAnswerBytes = std::size_t{64} * 1024;
// The deliver process is asked to be done a little before it is killed, so that it can still say what failed.
constexpr Duration kKillMargin = 250ms;
constexpr Duration kReaderPatience = 2s;

// Watches over one deliver process until it has ended or its time is up.
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

  // The answers, one a line, as far as they came; an error when there was no process to give any.
  Result<std::string> run(const std::vector<std::string>& sinks, const Event& event) {
    const TimePoint now = std::chrono::steady_clock::now();
    deadline_ = now + options_.timeout + kKillMargin;
    if (options_.not_later_than) {
      deadline_ = std::min(deadline_, *options_.not_later_than - kKillMargin);
    }
    const Duration allowed = std::max<Duration>(deadline_ - now - kKillMargin, kKillMargin);
    auto request = kernel::make_memory_file(encode_request(sinks, event, allowed));
    auto pipe = kernel::make_pipe();
    if (!request) {
      return request.failure();
    }
    if (!pipe) {
      return pipe.failure();
    }
    supervise::LaunchOptions launch;
    launch.argv = {"jobinit", "deliver", "--request"};
    launch.executable = kernel::own_executable();
    launch.environment = options_.environment;
    launch.stdin_fd = request->get();
    launch.stdout_fd = pipe->write.get();
    launch.oom_score_adj = options_.oom_score_adj;
    launch.own_oom_score_adj = options_.own_oom_score_adj;
    const auto started = supervise::launch(launch, signals_);
    if (const auto* failure = std::get_if<supervise::LaunchFailure>(&started)) {
      return failure->error;
    }
    pid_ = std::get<pid_t>(started);
    pipe->write.reset();
    pipe_ = std::move(pipe->read);
    answers_.assign(pipe_.get());
    arrivals_.assign(signalfd_.get());
    wait_for_answers();
    wait_for_signals();
    arm_timer();
    on_signals();
    while (pid_ != 0) {
      loop_.run_one();
    }
    read_answers();
    return text_;
  }

 private:
  void wait_for_answers() {
    answers_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (!failure && read_answers()) {
        wait_for_answers();
      }
    });
  }

  // False at the end of file.
  bool read_answers() {
    std::array<char, 4096> buffer{};
    for (;;) {
      const kernel::Got got = kernel::read_available(pipe_, buffer);
      if (got.end) {
        return false;
      }
      if (got.would_block) {
        return true;
      }
      if (text_.size() < kMostAnswerBytes) {
        text_.append(buffer.data(), got.bytes);
      }
    }
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
        pid_ = 0;
        return;
      }
      if (kernel::reap(look.pid) && look.pid == pid_) {
        pid_ = 0;
      }
    }
  }

  void arm_timer() {
    timer_.expires_at(deadline_);
    timer_.async_wait([this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      kernel::signal_group(pid_, SIGKILL);
      kernel::signal_process(pid_, SIGKILL);
      deadline_ = std::chrono::steady_clock::now() + 1s;  // its end comes as SIGCHLD; this is for when that takes long
      if (++kills_ > 3) {
        pid_ = 0;  // in uninterruptible sleep: the exit does not wait for it
        return;
      }
      arm_timer();
    });
  }

  const CourierOptions& options_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  boost::asio::io_context loop_{1};
  kernel::Fd pipe_;
  stream_descriptor answers_;
  stream_descriptor arrivals_;
  boost::asio::steady_timer timer_;
  TimePoint deadline_;
  pid_t pid_ = 0;
  int kills_ = 0;
  std::string text_;
};

// A log reader that stands still must not hold up the exit, and leaves the network its share of what time there is.
Duration patience_for_readers(const CourierOptions& options) {
  if (!options.not_later_than) {
    return kReaderPatience;
  }
  const Duration left = *options.not_later_than - std::chrono::steady_clock::now();
  return std::clamp<Duration>(left / 4, Duration::zero(), kReaderPatience);
}

Delivery write_local(const Sink& sink, const Event& event, Duration patience) {
  const auto written = sink.kind->write(sink, event, patience);
  return {sink.shown, static_cast<bool>(written), written ? "" : written.failure().message};
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
    if (sinks[i].kind->network()) {
      indexes.push_back(results.size());
      results.push_back({sinks[i].shown, false, "no answer in time"});
      network.push_back(texts[i]);
      continue;
    }
    try {
      results.push_back(write_local(sinks[i], event, patience_for_readers(options)));
    } catch (const std::exception& failure) {
      results.push_back({sinks[i].shown, false, failure.what()});
    }
  }
  if (network.empty()) {
    return results;
  }
  try {
    const auto answers = Errand(options, signals, signalfd).run(network, event);
    for (const std::size_t i : indexes) {
      if (!answers) {
        results[i].detail = answers.failure().message;
      }
    }
    for (const std::string& line : split(answers ? *answers : "", "\n")) {
      const auto answer = decode_answer(line);
      if (!answer || answer->sink >= indexes.size()) {
        continue;
      }
      Delivery& result = results[indexes[answer->sink]];
      result.delivered = answer->delivered;
      result.detail = answer->detail;
    }
  } catch (const std::exception& failure) {
    for (const std::size_t i : indexes) {
      results[i].detail = failure.what();
    }
  }
  return results;
}

}  // namespace jobinit::deliver
