// Children: looking at them, reaping them, signalling and killing whole trees; and this process' own standing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobinit/base/result.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::kernel {

// How a process ended (waitid(2)).
struct WaitStatus {
  bool signaled = false;
  int value = 0;  // exit code, or signal number
  bool core_dumped = false;
};

// What a process and the children it waited for used (getrusage(2)).
struct Usage {
  std::chrono::microseconds user{};
  std::chrono::microseconds system{};
  std::uint64_t max_resident = 0;  // bytes: the largest single process, not the sum
  std::uint64_t major_faults = 0;  // pages that had to be read in
  std::uint64_t minor_faults = 0;
};

struct Reaped {
  pid_t pid = 0;
  WaitStatus status;
  Usage usage;
};

enum class Children { none, alive, one_dead };

// Looks (WNOWAIT) without taking: `pid` is set for one_dead. A dead child keeps its pid until reap() takes it, so that
// the pid of the job is never reused under our hands.
struct Look {
  Children children = Children::none;
  pid_t pid = 0;
};
Look look_for_dead_child();

// Takes the status of a child that look_for_dead_child() has named; nullopt when somebody else has taken it.
std::optional<Reaped> reap(pid_t pid);

// Blocks until this child has ended, and takes its status. Only for a child that is sure to end.
void wait_for(pid_t pid);

// The signal that has stopped this child, told once each time; nullopt: none has.
std::optional<int> stopped_by(pid_t pid);

// `signal` for this process when its parent ends (prctl(2), PR_SET_PDEATHSIG; the thread that started us is what
// counts), and at once where `parent`, which getppid() gave at the start, has ended already.
Result<void> die_with_parent(int signal, pid_t parent);
pid_t parent_pid();

// Makes this process the one that orphans below it come to (prctl(2), PR_SET_CHILD_SUBREAPER). Not needed as PID 1.
Result<void> become_subreaper();

// Whether it is one, or somebody that has become this program was.
bool is_subreaper();

// /proc/PID/{environ,mem,fd} are closed to other processes of the same user (prctl(2), PR_SET_DUMPABLE).
void hide_memory(bool hidden);

// Every process below `ancestor`, from /proc; empty without /proc. A snapshot: processes come and go meanwhile. Those
// in `except`, and what is below them, are left out.
std::vector<pid_t> descendants(pid_t ancestor, const Root& root = {}, const std::set<pid_t>& except = {});

// The same at the cost of the tree alone, however many other processes there are; it may miss some that are being born
// or adopted just then. Needs CONFIG_PROC_CHILDREN, and is descendants() without.
std::vector<pid_t> descendants_at_a_glance(pid_t ancestor, const Root& root = {}, const std::set<pid_t>& except = {});

// Whether it has ended, is ending, or has a SIGKILL coming, by the content of its /proc/PID/stat (proc(5)). Nothing, as
// without /proc, is no.
bool is_dying(std::string_view stat);
std::string stat_file(pid_t pid);

// Whether /proc is there, and is one.
bool has_procfs();

// CPU time that these processes and the children they waited for have used so far (proc(5), stat).
std::chrono::microseconds cpu_time(const std::vector<pid_t>& pids, const Root& root = {});
// How many CPUs this process may run on (sched_getaffinity(2)); at least 1.
int available_cpus();

// To the process group. False when nobody was there to get it.
bool signal_group(pid_t leader, int signal);
bool signal_process(pid_t pid, int signal);

// SIGKILL for everything below this process: every descendant that /proc shows, and, as PID 1 of a namespace, everybody
// else in it; the leader's group too, while it has its leader or where /proc shows nobody: later its number may be
// somebody else's. Returns how many processes /proc showed. Call again until no child is left. `except` and what is
// below them are spared.
struct Leader {
  pid_t pid = 0;  // 0: there is none
  bool lives = false;
};
std::size_t kill_tree(Leader leader, const std::set<pid_t>& except = {});

// Reaps every child that is dead now; how many.
std::size_t reap_dead();

// Reaps until no child is left, at most this long. SIGCHLD must be blocked.
void wait_for_children(std::chrono::milliseconds at_most);

// Async-signal-safe; for the child before exec. Errors are not told: a raised score is a kindness, not a need.
void set_own_oom_score_adj(int value);
// This process' own score, to be written later: once hide_memory() has made the file root's, nobody else can open it.
// Empty without /proc.
Fd open_own_oom_score_adj();
// Sets it, and gives what it was; nullopt where that cannot be.
std::optional<int> exchange_oom_score_adj(const Fd& own, int value);

// Asks the OOM killer never to take this process; refused without CAP_SYS_RESOURCE. Gives what it was, to be passed on
// to children that are not to be spared.
std::optional<int> ask_to_be_spared_by_oom_killer(const Fd& own);
// Whether it would not take it even when it takes the whole cgroup (Documentation/admin-guide/cgroup-v2.rst,
// memory.oom.group).
bool is_spared_by_oom_killer();
bool is_root();

// The file this program was started from, for starting it again: works without /proc, and after the file was replaced
// where /proc is there.
std::string own_executable();

// 48 bits of milliseconds since the epoch and 74 random bits (RFC 9562, 5.7), in the usual hexadecimal form.
std::string make_uuid_v7();

// In [0, 1), from getrandom(2).
double random_fraction();

std::string host_name();
pid_t own_pid();

// Free heap pages go back to the kernel: what start-up needed is not what sleeping needs.
void give_back_memory();

// The calling process ends here, without running destructors: PID 1 has nothing left to free.
[[noreturn]] void exit_now(int code);

}  // namespace jobinit::kernel
