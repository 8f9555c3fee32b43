#include "jobinit/cli/table.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/cause.hpp"

namespace jobinit::cli {
namespace {

constexpr int kHighestExitCode = 255;
constexpr std::string_view kEnvPrefix = "JOBINIT_";

Result<void> parse(std::string_view text, std::string& into) {
  into = text;
  return {};
}
template <typename T>
Result<void> store(Result<T> value, T& into) {
  if (!value) {
    return value.failure();
  }
  into = *value;
  return {};
}
Result<void> parse(std::string_view text, Duration& into) { return store(parse_duration(text), into); }
Result<void> parse(std::string_view text, std::uint64_t& into) { return store(parse_size(text), into); }
Result<void> parse(std::string_view text, bool& into) { return store(parse_boolean(text), into); }
Result<void> parse(std::string_view text, Signal& into) { return store(parse_signal(text), into); }

Result<int> parse_code(std::string_view text) {
  const auto code = parse_integer(text, 0, kHighestExitCode);
  if (!code) {
    return error("\"{}\" is not an exit code (0 to 255)", text);
  }
  return static_cast<int>(*code);
}

Result<void> parse(std::string_view text, std::set<int>& into) {
  const auto code = parse_code(text);
  if (!code) {
    return code.failure();
  }
  into.insert(*code);
  return {};
}

Result<void> parse(std::string_view text, std::map<int, int>& into) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return error("\"{}\" is not of the form 143=0", text);
  }
  const auto from = parse_code(text.substr(0, equals));
  const auto to = parse_code(text.substr(equals + 1));
  if (!from) {
    return from.failure();
  }
  if (!to) {
    return to.failure();
  }
  into[*from] = *to;
  return {};
}

Result<std::string> parse_cause(std::string_view text) {
  const std::string_view cause = trim(text);
  if (!cause_from_name(cause)) {
    const std::string_view near = nearest(cause, cause_names());
    return near.empty() ? error("\"{}\" is not a cause; the causes are {}", cause, fmt::join(cause_names(), ", "))
                        : error("\"{}\" is not a cause; did you mean {}?", cause, near);
  }
  return std::string(cause);
}

Result<void> parse(std::string_view text, std::map<std::string, int>& into) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return error("\"{}\" is not of the form timeout=75", text);
  }
  const auto cause = parse_cause(text.substr(0, equals));
  if (!cause) {
    return cause.failure();
  }
  const auto code = parse_code(text.substr(equals + 1));
  if (!code) {
    return code.failure();
  }
  into[*cause] = *code;
  return {};
}

Result<void> parse(std::string_view text, std::vector<std::string>& into) {
  into.emplace_back(text);
  return {};
}

// The value of an enum by its name; `names` in the order of the enum.
template <typename Enum>
Result<void> parse_choice(std::string_view text, std::span<const std::string_view> names, Enum& into) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == trim(text)) {
      into = static_cast<Enum>(i);
      return {};
    }
  }
  return error("\"{}\" is none of {}", text, fmt::join(names, ", "));
}

Result<void> parse(std::string_view text, Forward& into) {
  static constexpr std::array<std::string_view, 3> names{"group", "child", "none"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, Leftovers& into) {
  static constexpr std::array<std::string_view, 3> names{"kill", "wait", "ignore"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, SizeOrShare& into) { return store(parse_size_or_share(text), into); }

Result<void> parse(std::string_view text, MemoryTier& into) {
  static constexpr std::array<std::string_view, 4> names{"auto", "cgroup", "guard", "off"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, MemoryAction& into) {
  static constexpr std::string_view by_signal = "signal=";
  const std::string_view action = trim(text);
  if (action == "term") {
    into = {};
  } else if (action == "kill") {
    into = {.kill = true, .signal = 0};
  } else if (action.starts_with(by_signal)) {
    const auto signal = parse_signal(action.substr(by_signal.size()));
    if (!signal) {
      return signal.failure();
    }
    into = {.kill = false, .signal = signal->number};
  } else {
    return error("\"{}\" is none of term, kill, signal=NAME", text);
  }
  return {};
}

Result<void> parse(std::string_view text, LogFormat& into) {
  static constexpr std::array<std::string_view, 3> names{"raw", "text", "json"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, LogTime& into) {
  static constexpr std::array<std::string_view, 4> names{"us", "ms", "s", "none"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, Colours& into) {
  static constexpr std::array<std::string_view, 3> names{"auto", "always", "never"};
  return parse_choice(text, names, into);
}

Result<void> parse(std::string_view text, std::vector<LogField>& into) {
  static constexpr std::array<std::string_view, 5> names{"time", "stream", "msg", "job", "run_id"};
  LogField field{};
  if (auto known = parse_choice(text, names, field); !known) {
    return known;
  }
  if (std::find(into.begin(), into.end(), field) != into.end()) {
    return error("\"{}\" is there twice", text);
  }
  into.push_back(field);
  return {};
}

// dumb-init's form: FROM:TO, where TO is 0 to drop it.
Result<void> assign_rewrite_signal(Settings& settings, std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return error("\"{}\" is not of the form TERM:QUIT, or TERM:0 to drop it", text);
  }
  const auto from = parse_signal(text.substr(0, colon));
  if (!from) {
    return from.failure();
  }
  const std::string_view target = trim(text.substr(colon + 1));
  if (target == "0") {
    settings.rewrite_signal[from->number] = 0;
    return {};
  }
  const auto to = parse_signal(target);
  if (!to) {
    return to.failure();
  }
  settings.rewrite_signal[from->number] = to->number;
  return {};
}

Result<void> assign_parent_death_signal(Settings& settings, std::string_view text) {
  const auto signal = parse_signal(text);
  if (!signal) {
    return signal.failure();
  }
  settings.parent_death_signal = signal->number;
  return {};
}

Result<void> parse(std::string_view text, std::optional<Moment>& into) {
  const auto moment = parse_moment(text);
  if (!moment) {
    return moment.failure();
  }
  into = *moment;
  return {};
}

// "60s=USR1", or "60s" for words only.
Result<void> parse(std::string_view text, std::map<Duration, int>& into) {
  const std::size_t equals = text.find('=');
  const auto before = parse_duration(text.substr(0, equals));
  if (!before) {
    return before.failure();
  }
  if (*before == Duration::zero()) {
    return error("\"{}\" would warn at the end itself", text);
  }
  int number = 0;
  if (equals != std::string_view::npos) {
    const auto signal = parse_signal(text.substr(equals + 1));
    if (!signal) {
      return signal.failure();
    }
    number = signal->number;
  }
  into[*before] = number;
  return {};
}

Result<void> parse(std::string_view text, RetryOn& into) {
  if (const auto code = parse_integer(text, 0, kHighestExitCode)) {
    into.codes.insert(static_cast<int>(*code));
    return {};
  }
  const auto cause = parse_cause(text);
  if (!cause) {
    return cause.failure();
  }
  for (const Cause never : {Cause::success, Cause::stopped, Cause::rejected, Cause::internal, Cause::lost}) {
    if (*cause == cause_name(never)) {
      return error("\"{}\" is not an ending after which a job is started again", text);
    }
  }
  into.causes.insert(*cause);
  return {};
}

Result<void> assign_retries(Settings& settings, std::string_view text) {
  static constexpr std::int64_t most = 1000;
  const auto value = parse_integer(text, 0, most);
  if (!value) {
    return value.failure();
  }
  settings.retries = static_cast<std::uint64_t>(*value);
  return {};
}

Result<void> parse(std::string_view text, LogOverflow& into) {
  static constexpr std::array<std::string_view, 2> names{"block", "drop"};
  return parse_choice(text, names, into);
}

// "100Mx5"
Result<void> parse(std::string_view text, LogRotation& into) {
  static constexpr std::int64_t most = 1000;
  const std::size_t times = text.rfind('x');
  if (times == std::string_view::npos) {
    return error("\"{}\" is not of the form 100Mx5: how large a file may become, and how many older ones are kept",
                 text);
  }
  const auto size = parse_size(text.substr(0, times));
  const auto kept = parse_integer(text.substr(times + 1), 1, most);
  if (!size) {
    return size.failure();
  }
  if (!kept) {
    return kept.failure();
  }
  if (*size == 0) {
    return error("\"{}\": a file of 0 bytes holds no log", text);
  }
  into = {.bytes = *size, .kept = static_cast<unsigned>(*kept)};
  return {};
}

// "1000/s" are lines, "1M/s" bytes.
Result<void> parse(std::string_view text, LogRate& into) {
  static constexpr std::string_view a_second = "/s";
  static constexpr std::int64_t most = 1'000'000'000;
  const std::string_view rate = trim(text);
  if (!rate.ends_with(a_second)) {
    return error("\"{}\" is not of the form 1000/s (lines) or 1M/s (bytes)", text);
  }
  const std::string_view amount = rate.substr(0, rate.size() - a_second.size());
  if (amount.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto lines = parse_integer(amount, 1, most);
    if (!lines) {
      return lines.failure();
    }
    into.lines = static_cast<std::uint64_t>(*lines);
    return {};
  }
  const auto bytes = parse_size(amount);
  if (!bytes) {
    return bytes.failure();
  }
  if (*bytes == 0) {
    return error("\"{}\" would let nothing through", text);
  }
  into.bytes = *bytes;
  return {};
}

Result<void> assign_tail_lines(Settings& settings, std::string_view text) {
  static constexpr std::int64_t most = 1'000'000'000;
  const auto value = parse_integer(text, 0, most);
  if (!value) {
    return value.failure();
  }
  settings.tail_lines = static_cast<std::uint64_t>(*value);
  return {};
}

Result<void> parse(std::string_view text, std::optional<std::uint64_t>& into) {
  static constexpr std::int64_t most = 1000000000;  // more tasks than any array has
  const auto value = parse_integer(text, 0, most);
  if (!value) {
    return value.failure();
  }
  into = static_cast<std::uint64_t>(*value);
  return {};
}

Result<void> assign_count(Settings& settings, std::string_view text) {
  auto assigned = parse(text, settings.count);
  return assigned && settings.count == 0U ? error("\"{}\": there is at least one task", text) : assigned;
}

Result<void> assign_params_to(Settings& settings, std::string_view text) {
  const std::string_view way = trim(text);
  static constexpr std::string_view file = "file:";
  if (way != "env" && way != "argv" && way != "stdin" && !(way.starts_with(file) && way.size() > file.size())) {
    return error("\"{}\" is none of env, argv, stdin, file:PATH", text);
  }
  settings.params_to.emplace_back(way);
  return {};
}

Result<void> assign_pids(Settings& settings, std::string_view text) {
  static constexpr std::int64_t most = 4194304;  // PID_MAX_LIMIT, proc(5)
  const auto value = parse_integer(text, 0, most);
  if (!value) {
    return value.failure();
  }
  settings.pids = static_cast<std::uint64_t>(*value);
  return {};
}

Result<void> parse(std::string_view text, Limits& into) { return add_limit(text, into); }

Result<void> assign_umask(Settings& settings, std::string_view text) {
  const auto mask = parse_umask(text);
  if (!mask) {
    return mask.failure();
  }
  settings.umask = *mask;
  return {};
}

Result<void> assign_nice(Settings& settings, std::string_view text) {
  const auto value = parse_integer(text, -20, 19);
  if (!value) {
    return value.failure();
  }
  settings.nice = static_cast<int>(*value);
  return {};
}

Result<void> assign_drop_caps(Settings& settings, std::string_view text) {
  const auto capabilities = parse_capability(text);
  if (!capabilities) {
    return capabilities.failure();
  }
  settings.drop_caps |= *capabilities;
  return {};
}

Result<void> assign_env_keep(Settings& settings, std::string_view text) {
  auto pattern = parse_variable_pattern(text);
  if (!pattern) {
    return pattern.failure();
  }
  settings.env_keep.push_back(std::move(*pattern));
  return {};
}

Result<void> assign_mask(Settings& settings, std::string_view text) {
  auto pattern = parse_variable_pattern(text);
  if (!pattern) {
    return pattern.failure();
  }
  settings.mask.push_back(std::move(*pattern));
  return {};
}

Result<void> assign_log_max_line(Settings& settings, std::string_view text) {
  static constexpr std::uint64_t least = 128;
  static constexpr std::uint64_t most = 512 * 1024;  // what PID 1 may keep of each stream
  const auto size = parse_size(text);
  if (!size) {
    return size.failure();
  }
  if (*size < least || *size > most) {
    return error("\"{}\" is not from {} to {}", text, human_size(least), human_size(most));
  }
  settings.log_max_line = *size;
  return {};
}

template <auto Member>
Result<void> assign(Settings& settings, std::string_view text) {
  return parse(text, settings.*Member);
}

template <auto Member>
void clear(Settings& settings) {
  settings.*Member = {};
}

Result<void> assign_oom_score_adj(Settings& settings, std::string_view text) {
  const auto value = parse_integer(text, -1000, 1000);
  if (!value) {
    return value.failure();
  }
  settings.oom_score_adj = static_cast<int>(*value);
  return {};
}

// A JSON array is the argument vector itself; anything else is for the shell, as in a Dockerfile's CMD.
template <auto Member>
Result<void> assign_command(Settings& settings, std::string_view text) {
  if (trim(text).starts_with('[')) {
    const auto array = nlohmann::json::parse(text, nullptr, false);
    const auto is_text = [](const nlohmann::json& item) { return item.is_string(); };
    if (!array.is_array() || array.empty() || !std::all_of(array.begin(), array.end(), is_text)) {
      return error("the command starts with [ but is not a JSON array of strings such as [\"python3\", \"import.py\"]");
    }
    settings.*Member = array.get<std::vector<std::string>>();
  } else if (trim(text).empty()) {
    return error("the command is empty");
  } else {
    settings.*Member = {"/bin/sh", "-c", std::string(text)};
  }
  return {};
}

// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr std::array kTable{
    Setting{.flag = "command",
            .placeholder = "COMMAND",
            .default_value = "",
            .section = Section::job,
            .help = "the job, where no arguments name it: a JSON array of arguments, or a line for /bin/sh -c",
            .assign = assign_command<&Settings::command>,
            .clear = clear<&Settings::command>},
    Setting{.flag = "job",
            .placeholder = "FILE",
            .default_value = "",
            .section = Section::job,
            .help = "the job file (JSON with comments); without this, /etc/jobinit.json where there is one",
            .in_job_file = false,
            .assign = assign<&Settings::job_file>,
            .clear = clear<&Settings::job_file>},
    Setting{.flag = "name",
            .placeholder = "NAME",
            .default_value = "",
            .section = Section::job,
            .help = "the job's name in reports and metrics; without this, the platform's name for it, or the command's",
            .assign = assign<&Settings::name>,
            .clear = clear<&Settings::name>},
    Setting{.flag = "params",
            .placeholder = "JSON",
            .default_value = "",
            .section = Section::parameters,
            .help = "values of parameters that the job file declares: a JSON object, or an event of EventBridge, "
                    "Pub/Sub or CloudEvents; the job's variables of the same names are stronger",
            .in_job_file = false,
            .credentials = true,
            .secret = true,
            .assign = assign<&Settings::params>,
            .clear = clear<&Settings::params>},
    Setting{.flag = "params-file",
            .placeholder = "FILE",
            .default_value = "",
            .section = Section::parameters,
            .help = "the same in a file; --params is stronger",
            .assign = assign<&Settings::params_file>,
            .clear = clear<&Settings::params_file>},
    Setting{.flag = "params-env",
            .placeholder = "VARIABLE",
            .default_value = "",
            .section = Section::parameters,
            .help = "the same in the variable of that name, which the scheduler fills; --params-file is stronger",
            .assign = assign<&Settings::params_env>,
            .clear = clear<&Settings::params_env>},
    Setting{.flag = "params-to",
            .placeholder = "WAY,...",
            .default_value = "env",
            .section = Section::parameters,
            .help = "how the job gets its parameters: env (a variable each), argv (--name=value each, behind its "
                    "arguments), stdin (a JSON object), file:PATH (the same in a file that only it can read)",
            .repeatable = true,
            .assign = assign_params_to,
            .clear = clear<&Settings::params_to>},
    Setting{.flag = "index",
            .placeholder = "INDEX",
            .default_value = "",
            .section = Section::parameters,
            .help = "which of the tasks this is that share the work, from 0; without this, as the platform says",
            .assign = assign<&Settings::index>,
            .clear = clear<&Settings::index>},
    Setting{.flag = "count",
            .placeholder = "TASKS",
            .default_value = "",
            .section = Section::parameters,
            .help = "how many tasks share the work; without this, as the platform says",
            .assign = assign_count,
            .clear = clear<&Settings::count>},
    Setting{.flag = "user",
            .placeholder = "USER[:GROUP]",
            .default_value = "",
            .section = Section::launch,
            .help =
                "run the job as this user, by name or number; without a group, with the groups that /etc/passwd and "
                "/etc/group give the user",
            .assign = assign<&Settings::user>,
            .clear = clear<&Settings::user>},
    Setting{.flag = "group",
            .placeholder = "GROUP",
            .default_value = "",
            .section = Section::launch,
            .help = "run the job with this group, by name or number, and no other",
            .assign = assign<&Settings::group>,
            .clear = clear<&Settings::group>},
    Setting{.flag = "chdir",
            .placeholder = "DIR",
            .default_value = "",
            .section = Section::launch,
            .help = "the job's working folder; a command with a slash is sought from there",
            .assign = assign<&Settings::chdir>,
            .clear = clear<&Settings::chdir>},
    Setting{.flag = "umask",
            .placeholder = "OCTAL",
            .default_value = "",
            .section = Section::launch,
            .help = "the permissions that files of the job do not get, e.g. 027",
            .assign = assign_umask,
            .clear = clear<&Settings::umask>},
    Setting{.flag = "nice",
            .placeholder = "NICENESS",
            .default_value = "",
            .section = Section::launch,
            .help = "the job's niceness: -20 (first in line for the CPU) to 19 (last)",
            .assign = assign_nice,
            .clear = clear<&Settings::nice>},
    Setting{.flag = "limit",
            .placeholder = "NAME=SOFT[:HARD],...",
            .default_value = "",
            .section = Section::launch,
            .help =
                "resource limits, e.g. nofile=1024:4096,core=0,stack=unlimited; one value is both; names: as, core, "
                "cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, "
                "stack",
            .repeatable = true,
            .assign = assign<&Settings::limit>,
            .clear = clear<&Settings::limit>},
    Setting{.flag = "no-new-privs",
            .placeholder = "",
            .default_value = "false",
            .section = Section::launch,
            .help = "no program that the job starts gets more privileges than the job has (sudo, setuid files)",
            .assign = assign<&Settings::no_new_privs>,
            .clear = clear<&Settings::no_new_privs>},
    Setting{.flag = "drop-caps",
            .placeholder = "CAP,...",
            .default_value = "",
            .section = Section::launch,
            .help = "capabilities that the job and what it starts never have, e.g. CAP_NET_RAW,CAP_SYS_CHROOT, or ALL",
            .repeatable = true,
            .assign = assign_drop_caps,
            .clear = clear<&Settings::drop_caps>},
    Setting{.flag = "env-clear",
            .placeholder = "",
            .default_value = "false",
            .section = Section::launch,
            .help = "the job gets no environment variables but those of --env-keep and jobinit's own",
            .assign = assign<&Settings::env_clear>,
            .clear = clear<&Settings::env_clear>},
    Setting{.flag = "env-keep",
            .placeholder = "NAME,...",
            .default_value = "",
            .section = Section::launch,
            .help = "what --env-clear leaves; * and ? stand for letters, e.g. PATH,LC_*",
            .repeatable = true,
            .assign = assign_env_keep,
            .clear = clear<&Settings::env_keep>},
    Setting{.flag = "timeout",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::limits,
            .help = "how long the run may take (wall clock, all attempts together); 0: as long as it likes, here and "
                    "for every limit",
            .assign = assign<&Settings::timeout>,
            .clear = clear<&Settings::timeout>},
    Setting{.flag = "deadline",
            .placeholder = "MOMENT",
            .default_value = "",
            .section = Section::limits,
            .help = "when the job must have ended: 2026-11-25T06:00:00Z, or 06:00 for the next time it is six (UTC)",
            .assign = assign<&Settings::deadline>,
            .clear = clear<&Settings::deadline>},
    Setting{.flag = "attempt-timeout",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::limits,
            .help = "how long one attempt may take, where --retries allows several",
            .assign = assign<&Settings::attempt_timeout>,
            .clear = clear<&Settings::attempt_timeout>},
    Setting{.flag = "start-timeout",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::limits,
            .help = "how long the job may take until it says READY=1 (sd_notify)",
            .assign = assign<&Settings::start_timeout>,
            .clear = clear<&Settings::start_timeout>},
    Setting{.flag = "idle-timeout",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::limits,
            .help = "how long the job may go without a byte of output",
            .assign = assign<&Settings::idle_timeout>,
            .clear = clear<&Settings::idle_timeout>},
    Setting{.flag = "cpu-timeout",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::limits,
            .help = "how much CPU time the job and all its processes may use",
            .assign = assign<&Settings::cpu_timeout>,
            .clear = clear<&Settings::cpu_timeout>},
    Setting{
        .flag = "watchdog",
        .placeholder = "DURATION",
        .default_value = "0",
        .section = Section::limits,
        .help =
            "how long the job may go without a WATCHDOG=1 (sd_notify), from READY=1 on where --start-timeout is set",
        .assign = assign<&Settings::watchdog>,
        .clear = clear<&Settings::watchdog>},
    Setting{.flag = "warn-before",
            .placeholder = "DURATION[=SIGNAL],...",
            .default_value = "",
            .section = Section::limits,
            .help = "tell the job some time before --timeout or --deadline ends it, e.g. 60s=USR1; without a signal it "
                    "is only said on stderr",
            .repeatable = true,
            .assign = assign<&Settings::warn_before>,
            .clear = clear<&Settings::warn_before>},
    Setting{.flag = "notify",
            .placeholder = "",
            .default_value = "false",
            .section = Section::limits,
            .help = "give the job a NOTIFY_SOCKET (sd_notify) for STATUS= and EXTEND_TIMEOUT_USEC=; --start-timeout "
                    "and --watchdog do too",
            .assign = assign<&Settings::notify>,
            .clear = clear<&Settings::notify>},
    Setting{.flag = "forward",
            .placeholder = "WHOM",
            .default_value = "group",
            .section = Section::ending,
            .help = "whom signals are passed on to: the job's process group, its main process (child), or none",
            .assign = assign<&Settings::forward>,
            .clear = clear<&Settings::forward>},
    Setting{.flag = "rewrite-signal",
            .placeholder = "FROM:TO,...",
            .default_value = "",
            .section = Section::ending,
            .help = "pass another signal on than the one that came, e.g. TERM:QUIT; TO 0 drops it",
            .repeatable = true,
            .assign = assign_rewrite_signal,
            .clear = clear<&Settings::rewrite_signal>},
    Setting{.flag = "leftovers",
            .placeholder = "WHAT",
            .default_value = "kill",
            .section = Section::ending,
            .help = "processes that outlive the job: kill them (after --leftover-grace), wait for them, or ignore them",
            .assign = assign<&Settings::leftovers>,
            .clear = clear<&Settings::leftovers>},
    Setting{.flag = "stop-signal",
            .placeholder = "SIGNAL",
            .default_value = "TERM",
            .section = Section::ending,
            .help = "what the job is asked to stop with at a timeout, and what its leftovers are",
            .assign = assign<&Settings::stop_signal>,
            .clear = clear<&Settings::stop_signal>},
    Setting{
        .flag = "stop-grace",
        .placeholder = "DURATION",
        .default_value = "10s",
        .section = Section::ending,
        .help = "time from the stop signal to the platform's SIGKILL; jobinit sends its own --report-reserve earlier",
        .assign = assign<&Settings::stop_grace>,
        .clear = clear<&Settings::stop_grace>},
    Setting{.flag = "report-reserve",
            .placeholder = "DURATION",
            .default_value = "2s",
            .section = Section::ending,
            .help = "the part of --stop-grace that is kept for the report",
            .assign = assign<&Settings::report_reserve>,
            .clear = clear<&Settings::report_reserve>},
    Setting{.flag = "leftover-grace",
            .placeholder = "DURATION",
            .default_value = "1s",
            .section = Section::ending,
            .help = "time for processes that outlive the job, from the stop signal to SIGKILL",
            .assign = assign<&Settings::leftover_grace>,
            .clear = clear<&Settings::leftover_grace>},
    Setting{.flag = "drain-timeout",
            .placeholder = "DURATION",
            .default_value = "5s",
            .section = Section::ending,
            .help = "after the job, how long a log reader may stand still before the rest of the log is given up",
            .assign = assign<&Settings::drain_timeout>,
            .clear = clear<&Settings::drain_timeout>},
    Setting{.flag = "parent-death-signal",
            .placeholder = "SIGNAL",
            .default_value = "",
            .section = Section::ending,
            .help = "what jobinit gets when whoever started it ends, and passes on like any signal",
            .assign = assign_parent_death_signal,
            .clear = clear<&Settings::parent_death_signal>},
    Setting{.flag = "retries",
            .placeholder = "COUNT",
            .default_value = "0",
            .section = Section::retries,
            .help = "how often a job that failed is started again, in the same container",
            .assign = assign_retries,
            .clear = clear<&Settings::retries>},
    Setting{.flag = "retry-on",
            .placeholder = "CAUSE|CODE,...",
            .default_value = "failed,signaled,timeout,idle_timeout,cpu_limit,watchdog,memory_limit,oom_killed",
            .section = Section::retries,
            .help = "the endings after which it is: causes, or exit codes of its own",
            .repeatable = true,
            .assign = assign<&Settings::retry_on>,
            .clear = clear<&Settings::retry_on>},
    Setting{
        .flag = "retry-backoff",
        .placeholder = "DURATION",
        .default_value = "1s",
        .section = Section::retries,
        .help = "how long to wait before the first further attempt; doubled for each one after it, less a random part",
        .assign = assign<&Settings::retry_backoff>,
        .clear = clear<&Settings::retry_backoff>},
    Setting{.flag = "retry-backoff-max",
            .placeholder = "DURATION",
            .default_value = "1m",
            .section = Section::retries,
            .help = "the longest such wait",
            .assign = assign<&Settings::retry_backoff_max>,
            .clear = clear<&Settings::retry_backoff_max>},
    Setting{.flag = "before",
            .placeholder = "COMMAND",
            .default_value = "",
            .section = Section::retries,
            .help = "run this first, once; where it fails, the job is not started",
            .assign = assign_command<&Settings::before>,
            .clear = clear<&Settings::before>},
    Setting{.flag = "before-timeout",
            .placeholder = "DURATION",
            .default_value = "5m",
            .section = Section::retries,
            .help = "how long --before may take",
            .assign = assign<&Settings::before_timeout>,
            .clear = clear<&Settings::before_timeout>},
    Setting{.flag = "after",
            .placeholder = "COMMAND",
            .default_value = "",
            .section = Section::retries,
            .help = "run this when all is over and reported; it gets the report as its stdin, and JOBINIT_CAUSE and "
                    "JOBINIT_EXIT_CODE",
            .assign = assign_command<&Settings::after>,
            .clear = clear<&Settings::after>},
    Setting{.flag = "after-timeout",
            .placeholder = "DURATION",
            .default_value = "30s",
            .section = Section::retries,
            .help = "how long --after may take",
            .assign = assign<&Settings::after_timeout>,
            .clear = clear<&Settings::after_timeout>},
    Setting{.flag = "success-codes",
            .placeholder = "CODE,...",
            .default_value = "0",
            .section = Section::exit_codes,
            .help = "the job's exit codes that count as success",
            .repeatable = true,
            .assign = assign<&Settings::success_codes>,
            .clear = clear<&Settings::success_codes>},
    Setting{.flag = "exit-code",
            .placeholder = "CAUSE=CODE,...",
            .default_value = "",
            .section = Section::exit_codes,
            .help = "the exit code for a cause, e.g. timeout=75 for a podFailurePolicy or evaluateOnExit",
            .repeatable = true,
            .assign = assign<&Settings::exit_code>,
            .clear = clear<&Settings::exit_code>},
    Setting{.flag = "remap-exit",
            .placeholder = "CODE=CODE,...",
            .default_value = "",
            .section = Section::exit_codes,
            .help = "last of all, one exit code for another, e.g. 143=0",
            .repeatable = true,
            .assign = assign<&Settings::remap_exit>,
            .clear = clear<&Settings::remap_exit>},
    Setting{.flag = "memory",
            .placeholder = "SIZE|SHARE%",
            .default_value = "",
            .section = Section::memory,
            .help =
                "the most memory that the job may use, as a size or as a share of the container's limit; 0: what the "
                "container may",
            .assign = assign<&Settings::memory>,
            .clear = clear<&Settings::memory>},
    Setting{.flag = "memory-tier",
            .placeholder = "TIER",
            .default_value = "auto",
            .section = Section::memory,
            .help = "who enforces it: cgroup (the kernel, in a cgroup of the job's own, where the tree may be written "
                    "to), guard (jobinit, before the kernel's OOM killer would strike), off (the kernel alone); auto: "
                    "the first of them that the container allows and that is needed",
            .assign = assign<&Settings::memory_tier>,
            .clear = clear<&Settings::memory_tier>},
    Setting{.flag = "memory-action",
            .placeholder = "ACTION",
            .default_value = "term",
            .section = Section::memory,
            .help =
                "what the guard does: term (the stop signal, the grace, SIGKILL), kill, or signal=NAME (that signal "
                "in the stop signal's stead)",
            .assign = assign<&Settings::memory_action>,
            .clear = clear<&Settings::memory_action>},
    Setting{.flag = "memory-reserve",
            .placeholder = "SIZE",
            .default_value = "16M",
            .section = Section::memory,
            .help = "how much of the container's limit is kept from the job, for jobinit and the report; at most an "
                    "eighth of the limit",
            .assign = assign<&Settings::memory_reserve>,
            .clear = clear<&Settings::memory_reserve>},
    Setting{.flag = "memory-warn",
            .placeholder = "SIZE|SHARE%",
            .default_value = "",
            .section = Section::memory,
            .help = "say so when the job uses so much for the first time, as a size or as a share of its limit",
            .assign = assign<&Settings::memory_warn>,
            .clear = clear<&Settings::memory_warn>},
    Setting{.flag = "memory-per-process",
            .placeholder = "SIZE",
            .default_value = "0",
            .section = Section::memory,
            .help = "the most that each process of the job may allocate (RLIMIT_DATA), so that its own allocator fails "
                    "and it can say where; 0: no limit",
            .assign = assign<&Settings::memory_per_process>,
            .clear = clear<&Settings::memory_per_process>},
    Setting{.flag = "pids",
            .placeholder = "PROCESSES",
            .default_value = "0",
            .section = Section::memory,
            .help = "the most processes and threads that the job may have, in a cgroup of its own (see --memory-tier "
                    "cgroup); 0: no limit",
            .assign = assign_pids,
            .clear = clear<&Settings::pids>},
    Setting{
        .flag = "oom-score-adj",
        .placeholder = "N",
        .default_value = "500",
        .section = Section::memory,
        .help = "the job's oom_score_adj (-1000 to 1000), so that the kernel's OOM killer takes the job, not its init",
        .assign = assign_oom_score_adj,
        .clear = clear<&Settings::oom_score_adj>},
    Setting{.flag = "tail",
            .placeholder = "SIZE",
            .default_value = "64K",
            .section = Section::logs,
            .help = "how much of the job's last output goes into the report; 0: none",
            .assign = assign<&Settings::tail>,
            .clear = clear<&Settings::tail>},
    Setting{.flag = "tail-lines",
            .placeholder = "LINES",
            .default_value = "0",
            .section = Section::logs,
            .help = "and how many lines at most; 0: no limit but that of --tail",
            .assign = assign_tail_lines,
            .clear = clear<&Settings::tail_lines>},
    Setting{.flag = "log-file",
            .placeholder = "PATH",
            .default_value = "",
            .section = Section::logs,
            .help = "write the log to this file too, at its end",
            .assign = assign<&Settings::log_file>,
            .clear = clear<&Settings::log_file>},
    Setting{.flag = "log-file-only",
            .placeholder = "",
            .default_value = "false",
            .section = Section::logs,
            .help = "write it to --log-file alone, and not to stdout and stderr",
            .assign = assign<&Settings::log_file_only>,
            .clear = clear<&Settings::log_file_only>},
    Setting{
        .flag = "log-rotate",
        .placeholder = "SIZExCOUNT",
        .default_value = "",
        .section = Section::logs,
        .help = "how large --log-file may become, and how many older ones are kept as PATH.1 and so on, e.g. 100Mx5",
        .assign = assign<&Settings::log_rotate>,
        .clear = clear<&Settings::log_rotate>},
    Setting{
        .flag = "log-overflow",
        .placeholder = "OVERFLOW",
        .default_value = "block",
        .section = Section::logs,
        .help = "what becomes of output that the log's reader does not take in time: block (the job waits), drop (it "
                "is left out, counted and told)",
        .assign = assign<&Settings::log_overflow>,
        .clear = clear<&Settings::log_overflow>},
    Setting{
        .flag = "log-rate",
        .placeholder = "RATE,...",
        .default_value = "",
        .section = Section::logs,
        .help = "how much of each stream is let through: lines (1000/s), bytes (1M/s) or both; what is beyond is left "
                "out, counted and told",
        .repeatable = true,
        .assign = assign<&Settings::log_rate>,
        .clear = clear<&Settings::log_rate>},
    Setting{.flag = "log-format",
            .placeholder = "FORMAT",
            .default_value = "raw",
            .section = Section::logs,
            .help = "raw: the job's output as it is; text: time and stream before each line; json: an object a line, a "
                    "line that is an object merged",
            .assign = assign<&Settings::log_format>,
            .clear = clear<&Settings::log_format>},
    Setting{
        .flag = "log-fields",
        .placeholder = "FIELD,...",
        .default_value = "",
        .section = Section::logs,
        .help = "what a line of text or json tells, in this order: time, stream, msg, job, run_id; without this, all "
                "in json and the first three in text",
        .repeatable = true,
        .assign = assign<&Settings::log_fields>,
        .clear = clear<&Settings::log_fields>},
    Setting{.flag = "log-time",
            .placeholder = "PRECISION",
            .default_value = "us",
            .section = Section::logs,
            .help = "how exact the time in text and json is: us, ms, s, or none for no time",
            .assign = assign<&Settings::log_time>,
            .clear = clear<&Settings::log_time>},
    Setting{.flag = "log-color",
            .placeholder = "WHEN",
            .default_value = "auto",
            .section = Section::logs,
            .help = "colours in text: always, never, or auto: on a terminal, unless NO_COLOR is set",
            .assign = assign<&Settings::log_color>,
            .clear = clear<&Settings::log_color>},
    Setting{.flag = "log-max-line",
            .placeholder = "LENGTH",
            .default_value = "256K",
            .section = Section::logs,
            .help = "a longer line of text or json is split into marked parts; 128 bytes to 512K",
            .assign = assign_log_max_line,
            .clear = clear<&Settings::log_max_line>},
    Setting{.flag = "log-multiline",
            .placeholder = "REGEX",
            .default_value = "",
            .section = Section::logs,
            .help = "in text and json, a line that it matches begins a record, to which all lines up to the next such "
                    "line belong, e.g. ^\\d{4}-",
            .assign = assign<&Settings::log_multiline>,
            .clear = clear<&Settings::log_multiline>},
    Setting{.flag = "log-strip-ansi",
            .placeholder = "",
            .default_value = "false",
            .section = Section::logs,
            .help = "take colours and other control sequences of terminals out of the job's output",
            .assign = assign<&Settings::log_strip_ansi>,
            .clear = clear<&Settings::log_strip_ansi>},
    Setting{
        .flag = "mask",
        .placeholder = "NAME,...",
        .default_value = "",
        .section = Section::logs,
        .help = "environment variables of the job whose values are secret: *** stands for them in its output and in "
                "the report; * and ? stand for letters, e.g. DB_PASSWORD,*_TOKEN",
        .repeatable = true,
        .assign = assign_mask,
        .clear = clear<&Settings::mask>},
    Setting{.flag = "mask-pattern",
            .placeholder = "REGEX",
            .default_value = "",
            .section = Section::logs,
            .help = "what it matches in a line of the job's output, or what its groups match, is written as ***",
            .assign = assign<&Settings::mask_pattern>,
            .clear = clear<&Settings::mask_pattern>},
    Setting{.flag = "report-to",
            .placeholder = "SINK",
            .default_value = "",
            .section = Section::report,
            .help = "where the report goes (may be given again); see Sinks",
            .repeatable = true,
            .credentials = true,
            .assign = assign<&Settings::report_to>,
            .clear = clear<&Settings::report_to>},
    Setting{.flag = "report-timeout",
            .placeholder = "DURATION",
            .default_value = "5s",
            .section = Section::report,
            .help = "how long all deliveries together may take",
            .assign = assign<&Settings::report_timeout>,
            .clear = clear<&Settings::report_timeout>},
    Setting{.flag = "report-required",
            .placeholder = "",
            .default_value = "false",
            .section = Section::report,
            .help = "exit 125 when a successful job's report could not be delivered everywhere",
            .assign = assign<&Settings::report_required>,
            .clear = clear<&Settings::report_required>},
    Setting{.flag = "heartbeat",
            .placeholder = "DURATION",
            .default_value = "0",
            .section = Section::report,
            .help = "tell the sinks that can use it so often that the job still runs; 0: never",
            .assign = assign<&Settings::heartbeat>,
            .clear = clear<&Settings::heartbeat>},
    Setting{.flag = "ca-file",
            .placeholder = "FILE",
            .default_value = "",
            .section = Section::report,
            .help = "trust these certificate authorities (PEM) and no others; else SSL_CERT_FILE, the image's own, or "
                    "those embedded in jobinit",
            .assign = assign<&Settings::ca_file>,
            .clear = clear<&Settings::ca_file>},
    Setting{.flag = "client-cert",
            .placeholder = "FILE",
            .default_value = "",
            .section = Section::report,
            .help = "the certificate (PEM) to show to sinks that ask for one",
            .assign = assign<&Settings::client_cert>,
            .clear = clear<&Settings::client_cert>},
    Setting{.flag = "client-key",
            .placeholder = "FILE",
            .default_value = "",
            .section = Section::report,
            .help = "its private key (PEM), where that is not in the same file",
            .assign = assign<&Settings::client_key>,
            .clear = clear<&Settings::client_key>},
    Setting{.flag = "verbose",
            .placeholder = "",
            .default_value = "false",
            .section = Section::report,
            .help = "say on stderr what became of each delivery",
            .assign = assign<&Settings::verbose>,
            .clear = clear<&Settings::verbose>},
    Setting{.flag = "state-dir",
            .placeholder = "FOLDER",
            .default_value = "",
            .section = Section::report,
            .help = "keep the run's state here, on a volume that outlives the container, so that `jobinit watch` or "
                    "the next run can report it when jobinit itself is killed",
            .assign = assign<&Settings::state_dir>,
            .clear = clear<&Settings::state_dir>},
    Setting{.flag = "spool",
            .placeholder = "FOLDER",
            .default_value = "",
            .section = Section::report,
            .help = "keep reports that network sinks did not take here, on a volume that outlives the container, until "
                    "the next run or `jobinit deliver --spool` delivers them",
            .assign = assign<&Settings::spool>,
            .clear = clear<&Settings::spool>},
    Setting{.flag = "spool-size",
            .placeholder = "SIZE",
            .default_value = "64M",
            .section = Section::report,
            .help = "how large the spool may grow; the oldest reports are dropped first",
            .assign = assign<&Settings::spool_size>,
            .clear = clear<&Settings::spool_size>},
    Setting{.flag = "quiet",
            .placeholder = "",
            .default_value = "false",
            .section = Section::report,
            .help = "no summary line on stderr",
            .assign = assign<&Settings::quiet>,
            .clear = clear<&Settings::quiet>},
};
// NOLINTEND(modernize-use-designated-initializers)

template <typename Name>
const Setting* find(std::string_view wanted, Name name) {
  const auto* const found =
      std::find_if(kTable.begin(), kTable.end(), [&](const Setting& setting) { return name(setting) == wanted; });
  return found == kTable.end() ? nullptr : found;
}

}  // namespace

std::string Setting::key() const {
  std::string key(flag);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string Setting::env() const {
  std::string env = std::string(kEnvPrefix) + key();
  std::transform(env.begin(), env.end(), env.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return env;
}

std::span<const Setting> settings_table() { return kTable; }

const Setting* find_by_flag(std::string_view flag) {
  return find(flag, [](const Setting& setting) { return setting.flag; });
}
const Setting* find_by_env(std::string_view env) {
  if (!env.starts_with(kEnvPrefix)) {  // most of an environment is none of ours, and building names to compare costs
    return nullptr;
  }
  return find(env, [](const Setting& setting) { return setting.env(); });
}
const Setting* find_by_key(std::string_view key) {
  return find(key, [](const Setting& setting) { return setting.key(); });
}

std::string_view section_title(Section section) {
  switch (section) {
    case Section::job: return "Job";
    case Section::parameters: return "The job's parameters";
    case Section::launch: return "The job's process";
    case Section::limits: return "Limits";
    case Section::ending: return "Ending the job";
    case Section::retries: return "Again, before and after";
    case Section::exit_codes: return "Exit codes";
    case Section::memory: return "Memory";
    case Section::logs: return "Logs";
    case Section::report: return "Report";
  }
  return "";
}

}  // namespace jobinit::cli
