#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <memory>
#include <set>

#include "jobinit/base/environment.hpp"
#include "jobinit/kernel/pages.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/kernel/terminal.hpp"
#include "jobinit/kernel/wall_timer.hpp"
#include "jobinit/logs/pump.hpp"
#include "jobinit/supervise/attempt.hpp"
#include "jobinit/supervise/job_control.hpp"
#include "jobinit/supervise/memory_witness.hpp"

namespace jobinit::supervise {
namespace {

using boost::asio::posix::stream_descriptor;

template <typename... Handlers>
struct Match : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Match(Handlers...) -> Match<Handlers...>;

// How many of the job's processes the report names when memory has run out.
constexpr std::size_t kNamedProcesses = 5;

class Supervisor {
 public:
  Supervisor(boost::asio::io_context& loop, const RunPlan& plan, const Policy& policy, unsigned number,
             const kernel::NotifySocket* notify, Observer* observer, const kernel::SignalState& signals,
             const kernel::Fd& signalfd)
      : loop_(loop),
        plan_(plan),
        policy_(policy),
        number_(number),
        notify_(notify),
        observer_(observer),
        signals_(signals),
        signalfd_(signalfd),
        arrivals_(loop),
        messages_(loop),
        wall_arrivals_(loop),
        notices_(loop),
        pressure_arrivals_(loop),
        timer_(loop),
        second_look_(loop),
        observer_timer_(loop),
        control_(plan.launch),
        words_(plan.log.tail),
        foreign_(earlier_children()),
        group_(make_group()),
        memory_(group_ ? MemoryWitness(*group_) : MemoryWitness(plan.container, foreign_)) {}

  ~Supervisor() {
    for (stream_descriptor* lent : {&arrivals_, &messages_, &wall_arrivals_, &notices_, &pressure_arrivals_}) {
      if (lent->is_open()) {
        lent->release();
      }  // for waiting only
    }
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  Outcome run() {
    outcome_.started_at = std::chrono::system_clock::now();
    const TimePoint began = std::chrono::steady_clock::now();
    try {
      if (begin()) {
        // From here on nothing bails out: the job runs, and everything that goes wrong is recorded and lived with.
        while (state_.phase != Phase::finished) {
          loop_.restart();
          loop_.run_one();
        }
        conclude();
      }
    } catch (...) {
      end_by_force();
      throw;
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

  std::optional<kernel::JobCgroup> make_group() const {
    if (plan_.cgroups == nullptr) {
      return std::nullopt;
    }
    kernel::JobCgroupLimits limits;
    limits.memory = plan_.memory.limit;
    limits.swap = plan_.memory.swap;
    limits.processes = plan_.memory.pids > 0 ? std::optional(plan_.memory.pids) : std::nullopt;
    auto group = plan_.cgroups->make(limits);
    if (!group && plan_.needs_cgroup) {
      throw std::runtime_error(group.failure().message);
    }
    if (!group) {
      plan_.say("note: the job has no cgroup of its own: " + group.failure().message);
      return std::nullopt;
    }
    return std::move(*group);
  }

  std::vector<pid_t> tree() const { return kernel::descendants(kernel::own_pid(), {}, foreign_); }

  bool begin() {
    LaunchOptions launch_options = plan_.launch;
    if (group_) {
      launch_options.cgroups = group_->procs_fds();
    }
    if (plan_.tells_job) {
      tell_job(launch_options.environment);
    }
    std::vector<kernel::Fd> write_ends;
    if (!plan_.passes_output) {
      open_streams(launch_options, write_ends);
    }
    open_deadline();
    watch();
    take_ballast();
    launch_options.in_foreground = control_.has_turn();
    if (launch_options.place == Placement::terminal_session) {
      give_terminal_up();
    }
    // Before there is a job that could look.
    const kernel::Fd folder = plan_.leaves_folder ? kernel::leave_folder() : kernel::Fd();
    launch_options.folder = folder.get();
    const auto started = launch(launch_options, signals_);
    if (const auto* failure = std::get_if<LaunchFailure>(&started)) {
      control_.give_back();
      outcome_.verdict = judge(failure->cause, failure->exit_code, plan_.exits);
      outcome_.problems.push_back(failure->error.message);
      outcome_.start_failure = failure->exit_code == 125 ? 0 : failure->error.code;
      return false;
    }
    job_ = std::get<pid_t>(started);
    control_.started(job_);
    tell({.what = Happening::started, .pid = job_});
    if (plan_.closes_descriptors) {
      kernel::close_inherited();
    }
    write_ends.clear();  // ours; the end of file comes when the job's are closed too
    began_ = std::chrono::steady_clock::now();
    state_ = start(policy_, began_);
    if (policy_.memory.watching()) {
      memory_.prepare_to_measure(plan_.memory.of_job);
      watch_pressure();
    }
    if (wall_timer_) {
      feed(DeadlineAt{wall_timer_->on_monotonic_clock()});
      wait_for_wall_clock();
    }
    for (const auto& pump : pumps_) {
      pump->start();
    }
    if (pumps_.empty()) {
      feed(LogsDone{});
    }
    wait_for_signals();
    if (notify_ != nullptr) {
      wait_for_messages();
    }
    if (notices_.is_open()) {
      main_stat_ = kernel::Probe(kernel::stat_file(job_));
      wait_for_notices();
    }
    tell_observer(EventKind::started, "");
    // The job may have ended before anybody listened.
    reap_all();
    if (!ballast_) {  // else the heap's free pages are part of it
      kernel::give_back_memory();
    }
    arm_timer();
    return true;
  }

  // The run as it stands, for the observer.
  Outcome so_far() {
    Outcome outcome = outcome_;
    outcome.duration = std::chrono::steady_clock::now() - began_;
    outcome.resources = resources_so_far();
    for (std::size_t i = 0; i < pumps_.size(); ++i) {
      outcome.streams.push_back(counts_of(stream_names_[i], *pumps_[i]));
    }
    return outcome;
  }

  void tell_observer(EventKind kind, const std::string& text) {
    if (observer_ != nullptr) {
      observer_->happened(
          kind, [this] { return so_far(); }, text);
      mind_observer();
    }
  }

  // It may have a process now that it had not, and another deadline.
  void mind_observer() {
    if (const pid_t helper = observer_->helper(); helper != 0) {
      foreign_.insert(helper);
    }
    observer_timer_.cancel();
    const auto deadline = observer_->next_deadline();
    if (!deadline || state_.phase == Phase::finished) {
      return;
    }
    observer_timer_.expires_at(*deadline);
    observer_timer_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) {
        observer_->tick(std::chrono::steady_clock::now(), [this] { return so_far(); });
        mind_observer();
      }
    });
  }

  void tell(const Happening& happening) const {
    if (plan_.narrate) {
      plan_.narrate(happening);
    }
  }

  // For the job's session to take. As its leader we get what is meant for a session that has lost its terminal, and for
  // nobody else.
  void give_terminal_up() {
    switch (kernel::leave_terminal(0)) {
      case kernel::Left::not_at_all: tell({.what = Happening::kept_terminal, .number = errno}); break;
      case kernel::Left::as_member: tell({.what = Happening::left_terminal}); break;
      case kernel::Left::as_leader:
        tell({.what = Happening::left_terminal, .number = 1});
        ignored_once_ = {SIGHUP, SIGCONT};
        break;
    }
  }

  void tell_job(std::vector<std::string>& environment) const {
    set_variable(environment, "JOBINIT_ATTEMPT", fmt::format("{}", number_));
    if (notify_ == nullptr) {
      return;  // a socket from outside, where there is one, stays the job's
    }
    set_variable(environment, "NOTIFY_SOCKET", notify_->address());
    unset_variable(environment, "WATCHDOG_PID");  // whichever process of the job it is that says so
    unset_variable(environment, "WATCHDOG_USEC");
    if (policy_.watchdog > Duration::zero()) {
      const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(policy_.watchdog);
      set_variable(environment, "WATCHDOG_USEC", fmt::format("{}", whole.count()));
    }
  }

  // Before the job is there, since it can fail.
  void open_deadline() {
    if (!plan_.deadline) {
      return;
    }
    auto timer = kernel::WallTimer::open(*plan_.deadline);
    if (!timer) {
      throw std::runtime_error(timer.failure().message);
    }
    wall_timer_ = std::move(*timer);
  }

  // Before the job is there, too: each of them may find the kernel out of epoll watches or memory, and throws.
  void watch() {
    arrivals_.assign(signalfd_.get());
    if (notify_ != nullptr) {
      messages_.assign(notify_->fd().get());
    }
    if (wall_timer_) {
      wall_arrivals_.assign(wall_timer_->fd().get());
    }
    memory_.watch_for_kills();
    if (memory_.notices()) {
      notices_.assign(memory_.notices().get());
    }
    // Asio does not tell when that happens to its own timer, and no limit would ever be reached.
    bool works = false;
    timer_.expires_at(TimePoint::min());
    timer_.async_wait([&works](boost::system::error_code failure) { works = !failure; });
    const TimePoint until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (!works && loop_.run_one_until(until) > 0) {
    }
    if (!works) {
      timer_.cancel();
      throw std::runtime_error(
          "the kernel does not watch a timer for jobinit (epoll_ctl(2): out of watches or memory)");
    }
  }

  // Something of ours is broken beyond repair: nothing of the job may stay behind.
  void end_by_force() {
    for (int round = 0; job_ > 0 && round < 100 && !tree().empty(); ++round) {
      if (group_) {
        group_->kill();
      }
      kernel::kill_tree({}, foreign_);
      kernel::wait_for_children(std::chrono::milliseconds(100));
    }
    control_.give_back();
  }

  // The moment has come, or the clock was set: either way its place on the monotonic clock is known anew.
  void wait_for_wall_clock() {
    wall_arrivals_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      wall_timer_->acknowledge();
      reap_all();
      feed(DeadlineAt{wall_timer_->on_monotonic_clock()});
      feed(Tick{});
      arm_timer();
      wait_for_wall_clock();
    });
  }

  void wait_for_messages() {
    messages_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      // So many a turn, so that a job that never stops talking does not keep the loop from clocks and signals.
      static constexpr int most = 64;
      for (int i = 0; i < most; ++i) {
        const auto text = notify_->receive();
        if (!text) {
          break;
        }
        on_message(parse_notification(*text));
      }
      arm_timer();
      wait_for_messages();
    });
  }

  // Of an OOM kill the kernel tells before there is any memory free again: nothing is looked at until a moment later.
  void wait_for_notices() {
    notices_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      memory_.acknowledge();
      if (!looking_) {
        looking_ = true;
        after_a_moment([this] { look_for_kills(); });
      }
      wait_for_notices();
    });
  }

  // Where the kernel tells of scarce memory, a job that has begun to grow fast while nobody looked is seen at once. It
  // is no more than that: the guard does without, as it has to in most containers.
  void watch_pressure() {
    pressure_ = memory_.pressure_notices(plan_.memory.of_job);
    if (!pressure_) {
      return;
    }
    boost::system::error_code failure;
    pressure_arrivals_.assign(pressure_.get(), failure);
    if (failure) {
      pressure_.reset();
      return;
    }
    pressure_notices_ = 0;
    wait_for_pressure();
  }

  void wait_for_pressure() {
    pressure_arrivals_.async_wait(stream_descriptor::wait_error, [this](boost::system::error_code failure) {
      if (failure) {
        return;
      }
      ++*pressure_notices_;
      measure_memory();
      arm_timer();
      wait_for_pressure();
    });
  }

  // The kernel counts an OOM kill just before it sends the SIGKILL. Whoever is not seen to be dying a moment later was
  // not the one: the main process' own end, if it comes, has another reason.
  void look_for_kills() {
    looking_ = false;
    if (!memory_.see_whether_killed()) {
      return;
    }
    looking_ = true;
    after_a_moment([this] {
      kernel::Probe::Buffer buffer;
      const std::string_view stat = main_stat_.look(buffer);
      if (!state_.main_status && !stat.empty() && !kernel::is_dying(stat)) {
        memory_.main_process_lives();
      }
      look_for_kills();
    });
  }

  template <typename Handler>
  void after_a_moment(Handler handler) {
    second_look_.expires_after(std::chrono::milliseconds(20));
    second_look_.async_wait([handler](boost::system::error_code cancelled) {
      if (!cancelled) {
        handler();
      }
    });
  }

  void on_message(const Notification& said) {
    SelfReport& self = outcome_.self_report;
    if (said.ready && !self.ready_after) {
      self.ready_after = std::chrono::steady_clock::now() - began_;
    }
    self.stopping = self.stopping || said.stopping;
    if (said.status) {
      self.status = *said.status;
    }
    if (said.main_pid && !main_pid_noted_) {
      main_pid_noted_ = true;
      plan_.say("the job sent MAINPID=, which is ignored: its main process is the one that was started");
    }
    feed(said);
  }

  // A terminal is handed to the job as it is, unless somebody has to see what is written there; everything else goes
  // through a pipe of ours.
  void open_streams(LaunchOptions& launch_options, std::vector<kernel::Fd>& write_ends) {
    // 2>&1: one pipe for both, or the order between the two is lost.
    const bool to_one_file = plan_.log.only_to_file && plan_.log.stages("output").raw();
    // On a terminal, where there was no order to keep, a format tells them apart.
    const bool told_apart = kernel::is_terminal(1) && !plan_.log.stages("output").raw();
    const bool together = to_one_file || (kernel::same_file(1, 2) && !is_handed_over(1, "output") && !told_apart);
    add_stream(together ? "output" : "stdout", 1, launch_options.stdout_fd, write_ends);
    if (together) {
      launch_options.stderr_fd = launch_options.stdout_fd == 1 ? 2 : launch_options.stdout_fd;
    } else {
      add_stream("stderr", 2, launch_options.stderr_fd, write_ends);
    }
  }

  bool is_handed_over(int fd, const char* name) const {
    return kernel::is_terminal(fd) && plan_.log.file == nullptr && plan_.log.rate.none() &&
           plan_.log.stages(name).raw();
  }

  void add_stream(const char* name, int fd, int& job_fd, std::vector<kernel::Fd>& write_ends) {
    if (is_handed_over(fd, name)) {
      return;
    }
    auto pipe = kernel::make_pipe();
    logs::Pump::Way way;
    way.file = plan_.log.file;
    way.stages = plan_.log.stages(name);
    way.rate = plan_.log.rate;
    way.overflow = plan_.log.overflow;
    if (!plan_.log.only_to_file) {
      auto output = kernel::Output::open(fd);
      way.output = output ? std::optional(std::move(*output)) : std::nullopt;
    }
    if (!pipe || (!way.output && !plan_.log.only_to_file)) {
      return;
    }  // out of descriptors: the job writes there itself, as under any other init
    auto pump = std::make_unique<logs::Pump>(
        loop_, std::move(pipe->read), std::move(way), words_,
        logs::Pump::Calls{.on_change = [this] { on_logs(); },
                          .on_failure =
                              [this, name](int failure) {
                                plan_.say(fmt::format("the log cannot be written to {}; the job runs on",
                                                      system_error(failure, name).message));
                              }});
    if (!pump->watch()) {
      return;
    }  // out of epoll watches: the same
    job_fd = pipe->write.get();
    write_ends.push_back(std::move(pipe->write));
    stream_names_.emplace_back(name);
    pumps_.push_back(std::move(pump));
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
    bool child_moved = false;
    for (const kernel::ReceivedSignal& signal : received) {
      if (signal.number == SIGCHLD) {
        child_moved = true;
      } else if (!signal.about_ourselves()) {
        on_signal(signal.number);
      }
    }
    if (child_moved && !state_.main_status) {
      control_.look();  // last, since it may stand still with the job for days
    }
    arm_timer();
  }

  void on_signal(int number) {
    tell({.what = Happening::signal_arrived, .number = number});
    if (ignored_once_.erase(number) > 0) {
      tell({.what = Happening::ignored, .number = number});
      return;
    }
    if (number == SIGCONT && control_.continued()) {
      return;
    }
    if (const auto into = policy_.rewrite.find(number); into != policy_.rewrite.end()) {
      tell({.what = Happening::rewritten, .number = number, .into = into->second});
      if (into->second == 0) {
        tell({.what = Happening::dropped});
      }
    }
    feed(SignalArrived{number});
    if (plan_.suspends_on.contains(number) && state_.phase != Phase::finished) {
      tell({.what = Happening::suspended});
      kernel::stop_self();
    }
  }

  void reap_all() {
    std::optional<kernel::WaitStatus> main_status;
    kernel::Look look = kernel::look_for_dead_child();
    if (look.children == kernel::Children::one_dead) {
      tell({.what = Happening::children_ended});
    }
    for (; look.children == kernel::Children::one_dead; look = kernel::look_for_dead_child()) {
      const auto reaped = kernel::reap(look.pid);
      if (!reaped) {
        continue;
      }
      const bool foreign = foreign_.erase(reaped->pid) > 0;
      if (observer_ != nullptr && observer_->reaped(reaped->pid, reaped->status)) {
        mind_observer();
        continue;
      }
      if (foreign) {
        continue;
      }
      memory_.add(reaped->usage);
      tell({.what = Happening::reaped,
            .pid = reaped->pid,
            .number = reaped->status.value,
            .main = reaped->pid == job_,
            .signaled = reaped->status.signaled});
      if (reaped->pid == job_) {
        main_status = reaped->status;
      } else {
        ++outcome_.reaped;
      }
    }
    // Looking for them takes some memory, in the kernel too, and what the job has left behind must not get it first: it
    // is stopped for that moment.
    bool held = false;
    if (main_status) {
      oom_kills_at_end_ = memory_.kills_at_end();
      held = look.children == kernel::Children::alive && memory_has_run_out() && hold_group();
      ballast_.reset();
    }
    // While the main process is there, nobody needs to be counted.
    const bool main_lives = !main_status && !state_.main_status;
    const bool anybody_left =
        look.children == kernel::Children::alive && (foreign_.empty() || main_lives || !tree().empty());
    if (main_status) {
      // Only now, with the dead out of the way, are those that are left the living.
      if (anybody_left) {
        outcome_.leftover = tree().size();
      }
      feed(MainEnded{*main_status});
      tell({.what = Happening::ended, .number = main_status->value, .signaled = main_status->signaled});
    }
    if (held) {
      kernel::signal_group(job_, SIGCONT);
    }
    if (!anybody_left) {
      feed(TreeEmpty{});
    }
  }

  bool memory_has_run_out() const {
    return ballast_ && policy_.leftovers == Leftovers::kill && memory_.has_seen_kills();
  }

  bool hold_group() const { return plan_.launch.place != Placement::ours && kernel::signal_group(job_, SIGSTOP); }

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
    Step next = step(policy_, std::move(state_), event, std::chrono::steady_clock::now());
    state_ = std::move(next.state);
    for (const Action& action : next.actions) {
      carry_out(action);
    }
  }

  void carry_out(const Action& action) {
    std::visit(Match{
                   [&](const SignalJob& one) {
                     // The group may be empty while the main process, moved elsewhere by itself, is not.
                     const bool reached = (one.group && kernel::signal_group(job_, one.number)) ||
                                          kernel::signal_process(job_, one.number);
                     tell({.what = Happening::forwarded, .number = one.number, .reached = reached});
                   },
                   [&](const SignalGroup& one) {
                     if (plan_.launch.place != Placement::ours) {  // else the group is our own, and others' with it
                       kernel::signal_group(job_, one.number);
                     }
                     tell({.what = Happening::forwarded, .number = one.number});
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
                     spare_observer();
                     if (group_) {
                       group_->kill();  // at once, also who is being forked; the rest is for those who have left it
                     }
                     const std::size_t shown = kernel::kill_tree({job_, !state_.main_status.has_value()}, foreign_);
                     outcome_.killed = std::max(outcome_.killed, shown);
                     feed(TreeKilled{});
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
                   [&](const MeasureCpu&) {
                     const Resources& reaped = memory_.resources();
                     feed(CpuUsed{reaped.cpu_user + reaped.cpu_system + kernel::cpu_time(tree())});
                   },
                   [&](const MeasureMemory&) { measure_memory(); },
                   [&](const NameProcesses&) { largest_ = kernel::largest_of(tree(), kNamedProcesses); },
                   [&](const WarnMemory& one) {
                     memory_warned_after_ = std::chrono::steady_clock::now() - began_;
                     warn(fmt::format("the job uses {} of memory{}", human_size(one.bytes), of_limit()), "warning: ");
                   },
                   [&](const Warn& one) { warn(fmt::format("{} left", human_duration(one.left)), ""); },
               },
               action);
  }

  void warn(const std::string& text, std::string_view prefix) {
    plan_.say(std::string(prefix) + text);
    tell_observer(EventKind::warning, text);
  }

  // Where one call would reach everybody in the namespace, a helper that must be spared is in the way: what forks
  // faster than it can be looked at is worth more than what the helper carries.
  void spare_observer() {
    static constexpr int patience = 2;
    if (observer_ == nullptr || kernel::own_pid() != 1 || ++kill_rounds_ <= patience) {
      return;
    }
    if (const pid_t helper = observer_->helper(); helper != 0 && foreign_.erase(helper) > 0) {
      observer_->sacrifice();
    }
  }

  void measure_memory() {
    // Far from every threshold the sum with the page cache will do.
    static constexpr std::uint64_t rough = 4;
    const MemoryWatch& watch = policy_.memory;
    const bool warned = watch.warn == 0 || state_.memory_warned;
    const std::uint64_t first = watch.limit == 0 || (!warned && watch.warn < watch.limit) ? watch.warn : watch.limit;
    const TimePoint asked = std::chrono::steady_clock::now();
    const auto used = memory_.used(first - first / rough,
                                   [this] { return kernel::descendants_at_a_glance(kernel::own_pid(), {}, foreign_); });
    // The least that it ever took: whoever is kept from the CPU meanwhile has not worked longer.
    look_cost_ = std::min<Duration>(look_cost_, std::chrono::steady_clock::now() - asked);
    if (used) {
      feed(MemoryUsed{*used, look_cost_});
    }
  }

  std::string of_limit() const {
    return plan_.memory.limit ? fmt::format(", of {}", human_size(*plan_.memory.limit)) : "";
  }

  void arm_timer() {
    const auto deadline = next_deadline(policy_, state_);
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

  // Memory for the job's end and the report is set aside while there is some. What the job wrote to a tmpfs stays when
  // the OOM killer has taken it, and with no room left PID 1 would be the next. Where somebody keeps the job from the
  // limit there is room.
  void take_ballast() {
    static constexpr std::size_t size = std::size_t{512} * 1024;
    if (plan_.memory.tier == MemoryTier::off && plan_.memory.limit) {
      ballast_.emplace(size);
      ballast_->touch(size);
    }
  }

  StreamLog counts_of(const std::string& name, const logs::Pump& pump) const {
    const logs::Counts counts = pump.counts();
    StreamLog log;
    log.name = name;
    log.bytes = counts.bytes;
    log.dropped = counts.dropped;
    log.suppressed = counts.suppressed;
    log.lines = counts.lines;
    if (counts.first_at) {
      log.first_after = *counts.first_at - began_;
    }
    if (counts.failure != 0) {
      log.failure = system_error(counts.failure, name).message;
    }
    return log;
  }

  StreamLog log_of(const std::string& name, const logs::Pump& pump) {
    StreamLog log = counts_of(name, pump);
    logs::LastWords::Words words = words_.of(pump.stream());
    log.tail = std::move(words.text);
    log.tail_truncated = words.truncated;
    return log;
  }

  Resources resources_so_far() {
    memory_.look();
    Resources resources = memory_.resources();
    resources.memory_limit = plan_.memory.limit;
    const bool in_cgroup = plan_.memory.tier == MemoryTier::cgroup;
    resources.memory_tier = in_cgroup && !group_ ? MemoryTier::off : plan_.memory.tier;
    resources.memory_warned_after = memory_warned_after_;
    resources.pressure_notices = pressure_notices_;
    return resources;
  }

  void conclude() {
    ballast_.reset();
    control_.give_back();
    outcome_.resources = resources_so_far();
    outcome_.resources.largest = std::move(largest_);
    Facts facts;
    facts.status = state_.main_status;
    facts.intent = state_.intent;
    facts.forwarded = state_.forwarded;
    facts.unkillable = state_.unkillable;
    facts.oom_kills = memory_.own_oom_kills();
    facts.oom_kills_at_end = oom_kills_at_end_;
    outcome_.verdict = judge(facts, plan_.exits);
    if (!facts.status && !facts.unkillable) {
      outcome_.problems.emplace_back("the job's exit status went to somebody else");
    }
    for (std::size_t i = 0; i < pumps_.size(); ++i) {
      pumps_[i]->abandon();
      outcome_.streams.push_back(log_of(stream_names_[i], *pumps_[i]));
    }
    if (const logs::LogFile* file = plan_.log.file; file != nullptr) {
      outcome_.log_file = {file->path(), file->written(), file->dropped(), file->rotations(), file->problem()};
    }
    logs::LastWords::Words words = words_.all();
    outcome_.tail = std::move(words.text);
    outcome_.tail_truncated = words.truncated;
    outcome_.unkillable = state_.unkillable;
    outcome_.platform_kill_at = state_.platform_kill_at;
    if (state_.intent && *state_.intent != Intent::stop) {
      outcome_.limit = state_.intent;
      // The job may have set its watchdog's interval anew.
      outcome_.limit_value = state_.intent == Intent::watchdog ? state_.watchdog : policy_.limit(*state_.intent);
    }
    timer_.cancel();
    second_look_.cancel();
    observer_timer_.cancel();
  }

  boost::asio::io_context& loop_;
  const RunPlan& plan_;
  const Policy& policy_;
  unsigned number_;
  const kernel::NotifySocket* notify_;
  Observer* observer_;
  const kernel::SignalState& signals_;
  const kernel::Fd& signalfd_;
  stream_descriptor arrivals_;
  stream_descriptor messages_;
  stream_descriptor wall_arrivals_;
  stream_descriptor notices_;
  stream_descriptor pressure_arrivals_;
  kernel::Fd pressure_;
  std::optional<std::uint64_t> pressure_notices_;
  std::optional<kernel::WallTimer> wall_timer_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer second_look_;
  boost::asio::steady_timer observer_timer_;
  JobControl control_;
  logs::LastWords words_;
  std::vector<std::string> stream_names_;
  std::vector<std::unique_ptr<logs::Pump>> pumps_;
  // Children from before the job: a shell that ends in exec leaves its background processes to us, such as the reader
  // of our own output. They are reaped, and nothing else of theirs is our business.
  std::set<pid_t> foreign_;
  std::optional<kernel::Pages> ballast_;
  std::optional<kernel::JobCgroup> group_;
  MemoryWitness memory_;
  kernel::Probe main_stat_;
  bool looking_ = false;
  std::optional<std::uint64_t> oom_kills_at_end_;
  Duration look_cost_ = std::chrono::seconds(1);
  std::optional<Duration> memory_warned_after_;
  std::vector<kernel::ProcessMemory> largest_;
  State state_;
  std::optional<TimePoint> armed_for_;
  TimePoint began_;
  bool main_pid_noted_ = false;
  int kill_rounds_ = 0;
  std::set<int> ignored_once_;
  pid_t job_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome run_attempt(const RunPlan& plan, const Policy& policy, unsigned number, const kernel::NotifySocket* notify,
                    Observer* observer, const kernel::SignalState& signals, const kernel::Fd& signalfd) {
  boost::asio::io_context loop(1);  // outlives the supervisor, so that no handler outlives what it points to
  return Supervisor(loop, plan, policy, number, notify, observer, signals, signalfd).run();
}

}  // namespace jobinit::supervise
