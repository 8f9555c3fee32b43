// Everything that can be set, with its type. The table beside this file says how each is named, read and explained.
#pragma once

#include <csignal>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobinit/base/choices.hpp"
#include "jobinit/base/log_limits.hpp"
#include "jobinit/base/moment.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/cli/launch.hpp"

namespace jobinit::cli {

// A signal number, 1 to SIGRTMAX.
struct Signal {
  int number = SIGTERM;
};

// "TERM", "SIGTERM", "15", "RTMIN+3".
Result<Signal> parse_signal(std::string_view text);
// "SIGTERM", "SIGRTMIN+3".
std::string signal_name(int number);

// Endings after which the job is started again: causes, and exit codes of its own.
struct RetryOn {
  std::set<std::string> causes;
  std::set<int> codes;
  bool operator==(const RetryOn&) const = default;
};

// What is done with a job that has reached its memory limit, when it is PID 1 that ends it.
struct MemoryAction {
  bool kill = false;  // SIGKILL at once
  int signal = 0;     // asks it to stop; 0: the stop signal
  bool operator==(const MemoryAction&) const = default;
};

struct Settings {
  // The job.
  std::vector<std::string> command;
  std::string job_file;
  std::string name;
  // Its parameters.
  std::string params;  // JSON
  std::string params_file;
  std::string params_env;              // the variable that holds JSON
  std::vector<std::string> params_to;  // "env", "argv", "stdin", "file:PATH"
  std::optional<std::uint64_t> index;  // of the tasks that share the work, from 0
  std::optional<std::uint64_t> count;
  // The job's process.
  std::string user;
  std::string group;
  std::string chdir;
  std::optional<unsigned> umask;
  std::optional<int> nice;
  Limits limit;
  bool no_new_privs = false;
  kernel::Capabilities drop_caps = 0;
  bool env_clear = false;
  std::vector<std::string> env_keep;
  // How it is ended.
  // Limits; 0: none.
  Duration timeout{};
  std::optional<Moment> deadline;
  Duration attempt_timeout{};
  Duration start_timeout{};
  Duration idle_timeout{};
  Duration cpu_timeout{};
  Duration watchdog{};
  std::map<Duration, int> warn_before;  // the signal; 0: none
  bool notify = false;
  Forward forward = Forward::group;
  std::map<int, int> rewrite_signal;  // 0: dropped
  Leftovers leftovers = Leftovers::kill;
  Signal stop_signal;
  Duration stop_grace{};
  Duration report_reserve{};
  Duration leftover_grace{};
  Duration drain_timeout{};
  int parent_death_signal = 0;  // 0: none
  // Again, before and after.
  std::uint64_t retries = 0;
  RetryOn retry_on;
  Duration retry_backoff{};
  Duration retry_backoff_max{};
  std::vector<std::string> before;
  Duration before_timeout{};
  std::vector<std::string> after;
  Duration after_timeout{};
  // Exit codes.
  std::set<int> success_codes;
  std::map<std::string, int> exit_code;  // by cause
  std::map<int, int> remap_exit;
  // Memory.
  SizeOrShare memory;
  MemoryTier memory_tier = MemoryTier::automatic;
  MemoryAction memory_action;
  std::uint64_t memory_reserve = 0;  // bytes
  SizeOrShare memory_warn;
  std::uint64_t memory_per_process = 0;  // bytes; 0: no limit
  std::uint64_t pids = 0;                // processes and threads; 0: no limit
  int oom_score_adj = 0;
  // Logs.
  std::uint64_t tail = 0;        // bytes
  std::uint64_t tail_lines = 0;  // 0: no limit
  std::string log_file;
  LogRotation log_rotate;
  bool log_file_only = false;
  LogOverflow log_overflow = LogOverflow::block;
  LogRate log_rate;
  LogFormat log_format = LogFormat::raw;
  std::vector<LogField> log_fields;  // empty: what is usual for the format
  LogTime log_time = LogTime::microseconds;
  Colours log_color = Colours::automatic;
  std::uint64_t log_max_line = 0;  // bytes
  std::string log_multiline;       // a regular expression; empty: every line is a record
  bool log_strip_ansi = false;
  std::vector<std::string> mask;  // patterns of names of variables
  std::string mask_pattern;       // a regular expression; empty: none
  // Report.
  std::vector<std::string> report_to;
  Duration report_timeout{};
  bool report_required = false;
  Duration heartbeat{};  // 0: none
  std::string ca_file;
  std::string client_cert;
  std::string client_key;
  bool verbose = false;
  std::string state_dir;
  std::string spool;
  std::uint64_t spool_size = 0;  // bytes
  bool quiet = false;
};

}  // namespace jobinit::cli
