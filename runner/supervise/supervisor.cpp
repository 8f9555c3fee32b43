#include "jobinit/supervise/supervisor.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <memory>
#include <set>

#include "jobinit/kernel/cgroup.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::supervise {
namespace {

using boost::asio::posix::stream_descriptor;

template <typename... Handlers>
struct Match : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Match(Handlers...) -> Match<Handlers...>;

// What the cgroup's counters said before the job, for telling the job's part of them at the end.
class MemoryWitness {
 public:
  explicit MemoryWitness(const std::set<pid_t>& known) : group_(kernel::MemoryCgroup::find()) {
    if (!group_) {
      return;
    }
    oom_kills_before_ = group_->oom_kills();
    exclusive_ = group_->exclusive(known);
    peak_before_ = group_->peak();
  }

  // As far as they can only have been the job's: in a group shared with strangers a kill may be theirs.
  std::uint64_t own_oom_kills() const { return exclusive_ ? resources_.oom_kills.value_or(0) : 0; }

  // Once the job is reaped: the counter has moved before its status could be read.
  void look() {
    if (!group_) {
      return;
    }
    resources_.memory_limit = group_->limit();
    const auto now = group_->oom_kills();
    if (now && oom_kills_before_) {
      resources_.oom_kills = *now - std::min(*now, *oom_kills_before_);
    }
    // In a group shared with strangers the peak is theirs as much as ours; the largest process of our own is not. A
    // peak that did not rise was reached before the job: by whatever set the container up, or, where v1 hides them from
    // a pid namespace, by strangers after all.
    if (const auto peak = exclusive_ ? group_->peak() : std::nullopt; peak && peak > peak_before_) {
      resources_.peak_memory = peak;
      resources_.peak_source = PeakSource::cgroup;
    }
  }

  void add(const kernel::Usage& usage) {
    resources_.cpu_user += usage.user;
    resources_.cpu_system += usage.system;
    if (resources_.peak_source != PeakSource::cgroup) {
      resources_.peak_memory = std::max(resources_.peak_memory.value_or(0), usage.max_resident);
      resources_.peak_source = PeakSource::process;
    }
  }

  const Resources& resources() const { return resources_; }

 private:
  std::optional<kernel::MemoryCgroup> group_;
  std::optional<std::uint64_t> oom_kills_before_;
  std::optional<std::uint64_t> peak_before_;
  bool exclusive_ = false;
  Resources resources_;
};

class Supervisor {
 public:
  Supervisor(boost::asio::io_context& loop, const RunPlan& plan, const kernel::SignalState& signals,
             const kernel::Fd& signalfd)
      : loop_(loop),
        plan_(plan),
        signals_(signals),
        signalfd_(signalfd),
        arrivals_(loop),
        timer_(loop),
        tail_(plan.tail),
        foreign_(earlier_children()),
        memory_(foreign_) {}

  ~Supervisor() {
    if (arrivals_.is_open()) {
      arrivals_.release();
    }  // lent for waiting only
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  Outcome run() {
    outcome_.started_at = std::chrono::system_clock::now();
    const TimePoint began = std::chrono::steady_clock::now();
    if (begin()) {
      // From here on nothing bails out: the job runs, and everything that goes wrong is recorded and lived with.
      while (state_.phase != Phase::finished) {
        loop_.restart();
        loop_.run_one();
      }
      conclude();
    }
    outcome_.duration = std::chrono::steady_clock::now() - began;
    outcome_.ended_at = std::chrono::system_clock::now();
    return std::move(outcome_);
  }

 private:
  static std::set<pid_t> earlier_children() {
    if (kernel::look_for_dead_child().children == kernel::Children::none) {
      return {};
    }
    const std::vector<pid_t> all = kernel::descendants(kernel::own_pid());
    return {all.begin(), all.end()};
  }

  std::vector<pid_t> tree() const { return kernel::descendants(kernel::own_pid(), {}, foreign_); }

  bool begin() {
    LaunchOptions launch_options = plan_.launch;
    std::vector<kernel::Fd> write_ends;
    open_streams(launch_options, write_ends);
    const auto started = launch(launch_options, signals_);
    if (const auto* failure = std::get_if<LaunchFailure>(&started)) {
      const Cause cause = failure->exit_code == 125 ? Cause::internal : Cause::not_started;
      outcome_.verdict = judge(cause, failure->exit_code, plan_.exits);
      outcome_.problems.push_back(failure->error.message);
      return false;
    }
    job_ = std::get<pid_t>(started);
    write_ends.clear();  // ours; the end of file comes when the job's are closed too
    state_ = start(plan_.policy, std::chrono::steady_clock::now());
    for (const auto& pump : pumps_) {
      pump->start();
    }
    if (pumps_.empty()) {
      feed(LogsDone{});
    }
    arrivals_.assign(signalfd_.get());
    wait_for_signals();
    // The job may have ended before anybody listened.
    reap_all();
    kernel::give_back_memory();
    arm_timer();
    return true;
  }

  // A terminal is handed to the job as it is; everything else goes through a pipe of ours.
  void open_streams(LaunchOptions& launch_options, std::vector<kernel::Fd>& write_ends) {
    // 2>&1: one pipe for both, or the order between the two is lost.
    const bool together = kernel::same_file(1, 2) && !kernel::is_terminal(1);
    add_stream(together ? "output" : "stdout", 1, launch_options.stdout_fd, write_ends);
    if (together) {
      launch_options.stderr_fd = launch_options.stdout_fd == 1 ? 2 : launch_options.stdout_fd;
    } else {
      add_stream("stderr", 2, launch_options.stderr_fd, write_ends);
    }
  }

  void add_stream(const char* name, int fd, int& job_fd, std::vector<kernel::Fd>& write_ends) {
    if (kernel::is_terminal(fd)) {
      return;
    }
    auto pipe = kernel::make_pipe();
    auto output = kernel::Output::open(fd);
    if (!pipe || !output) {
      return;
    }  // out of descriptors: the job writes there itself, as under any other init
    job_fd = pipe->write.get();
    write_ends.push_back(std::move(pipe->write));
    stream_names_.emplace_back(name);
    pumps_.push_back(
        std::make_unique<logs::Pump>(loop_, std::move(pipe->read), std::move(*output), tail_, [this] { on_logs(); }));
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
    const std::vector<kernel::ReceivedSignal> received = kernel::read_signals(signalfd_);
    // What has happened to the job comes before what is asked of it: a stop request for a job that has just ended is
    // none any more.
    reap_all();
    for (const kernel::ReceivedSignal& signal : received) {
      if (signal.number != SIGCHLD) {
        if (!signal.about_ourselves()) {
          feed(SignalArrived{signal.number});
        }
      }
    }
    arm_timer();
  }

  void reap_all() {
    std::optional<kernel::WaitStatus> main_status;
    kernel::Look look = kernel::look_for_dead_child();
    for (; look.children == kernel::Children::one_dead; look = kernel::look_for_dead_child()) {
      const auto reaped = kernel::reap(look.pid);
      if (!reaped || foreign_.erase(reaped->pid) > 0) {
        continue;
      }
      memory_.add(reaped->usage);
      if (reaped->pid == job_) {
        main_status = reaped->status;
      } else {
        ++outcome_.reaped;
      }
    }
    const bool anybody_left = look.children == kernel::Children::alive && (foreign_.empty() || !tree().empty());
    if (main_status) {
      // Only now, with the dead out of the way, are those that are left the living.
      if (anybody_left) {
        outcome_.leftover = tree().size();
      }
      feed(MainEnded{*main_status});
    }
    if (!anybody_left) {
      feed(TreeEmpty{});
    }
  }

  void on_logs() {
    feed(LogsMoved{});
    bool all_done = true;
    for (const auto& pump : pumps_) {
      all_done = all_done && pump->done();
    }
    if (all_done && !state_.logs_done) {
      feed(LogsDone{});
    }
    arm_timer();
  }

  void feed(const Event& event) {
    Step next = step(plan_.policy, std::move(state_), event, std::chrono::steady_clock::now());
    state_ = std::move(next.state);
    for (const Action& action : next.actions) {
      carry_out(action);
    }
  }

  void carry_out(const Action& action) {
    std::visit(Match{
                   [&](const SignalJob& one) {
                     if (!one.group) {
                       kernel::signal_process(job_, one.number);
                       return;
                     }
                     // The group may be empty while the main process, moved elsewhere by itself, is not.
                     if (!kernel::signal_group(job_, one.number)) {
                       kernel::signal_process(job_, one.number);
                     }
                   },
                   [&](const SignalLeftovers& one) {
                     if (outcome_.leftover == 0) {
                       return;
                     }
                     for (const pid_t pid : tree()) {
                       kernel::signal_process(pid, one.number);
                     }
                   },
                   [&](const KillTree&) {
                     // A group whose leader is gone is only signalled where nothing else shows who is left.
                     const bool by_group = !state_.main_status || tree().empty();
                     outcome_.killed = std::max(outcome_.killed, kernel::kill_tree(by_group ? job_ : 0, foreign_));
                   },
                   [&](const FinishLogs&) {
                     for (const auto& pump : pumps_) {
                       pump->finish();
                     }
                   },
                   [&](const DropLogs&) {
                     for (const auto& pump : pumps_) {
                       pump->abandon();
                     }
                   },
               },
               action);
  }

  void arm_timer() {
    const auto deadline = state_.next_deadline();
    if (deadline == armed_for_) {
      return;
    }
    armed_for_ = deadline;
    timer_.cancel();
    if (!deadline) {
      return;
    }
    timer_.expires_at(*deadline);
    timer_.async_wait([this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      armed_for_.reset();
      reap_all();  // an exit that is there to be seen beats the deadline
      for (const auto& pump : pumps_) {
        // A job that waits for the log's reader is not idle: it has something to say.
        if (pump->waits_for_reader()) {
          state_.last_output = std::chrono::steady_clock::now();
        }
      }
      feed(Tick{});
      arm_timer();
    });
  }

  void conclude() {
    memory_.look();
    outcome_.resources = memory_.resources();
    Facts facts;
    facts.status = state_.main_status;
    facts.intent = state_.intent;
    facts.forwarded = state_.forwarded;
    facts.unkillable = state_.unkillable;
    facts.oom_kills = memory_.own_oom_kills();
    outcome_.verdict = judge(facts, plan_.exits);
    if (!facts.status && !facts.unkillable) {
      outcome_.problems.emplace_back("the job's exit status went to somebody else");
    }
    for (std::size_t i = 0; i < pumps_.size(); ++i) {
      pumps_[i]->abandon();
      outcome_.streams.push_back({stream_names_[i], pumps_[i]->counts()});
    }
    outcome_.tail = tail_.text();
    outcome_.tail_truncated = tail_.truncated();
    outcome_.unkillable = state_.unkillable;
    outcome_.platform_kill_at = state_.platform_kill_at;
    timer_.cancel();
  }

  boost::asio::io_context& loop_;
  const RunPlan& plan_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  stream_descriptor arrivals_;
  boost::asio::steady_timer timer_;
  logs::Tail tail_;
  std::vector<std::string> stream_names_;
  std::vector<std::unique_ptr<logs::Pump>> pumps_;
  // Children from before the job: a shell that ends in exec leaves its background processes to us, such as the reader
  // of our own output. They are reaped, and nothing else of theirs is our business.
  std::set<pid_t> foreign_;
  MemoryWitness memory_;
  State state_;
  std::optional<TimePoint> armed_for_;
  pid_t job_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome supervise(const RunPlan& plan, const kernel::SignalState& signals, const kernel::Fd& signalfd) {
  try {
    boost::asio::io_context loop(1);  // outlives the supervisor, so that no handler outlives what it points to
    Supervisor supervisor(loop, plan, signals, signalfd);
    return supervisor.run();
  } catch (const std::exception& failure) {
    kernel::kill_tree(0);
    Outcome outcome;
    outcome.started_at = outcome.ended_at = std::chrono::system_clock::now();
    outcome.verdict = judge(Cause::internal, 125, plan.exits);
    outcome.problems.emplace_back(failure.what());
    return outcome;
  }
}

}  // namespace jobinit::supervise
