// tini, tini-static, and docker's docker-init, which is tini: flags, variables, exit codes and what it says, as of
// 0.19.0 (tini's README, and the program itself; tests/system/test_dropin.py runs both side by side).
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "getopt.hpp"
#include "jobinit/base/environment.hpp"
#include "peers.hpp"

namespace jobinit::cli {
namespace {

constexpr std::array<std::string_view, 3> kNames{"tini", "tini-static", "docker-init"};
constexpr std::array kForms{OptionForm{'h'}, OptionForm{'s'}, OptionForm{'v'},       OptionForm{'w'},
                            OptionForm{'g'}, OptionForm{'l'}, OptionForm{'p', true}, OptionForm{'e', true}};
constexpr int kFailure = 1;

// dockerd reads what stands behind "tini version " (daemon/info_unix.go, parseInitVersion).
std::string version_line(const Called& called) {
  return fmt::format("tini version 0.19.0 (jobinit {})", called.version);
}

std::string usage(const Called& called) {
  return fmt::format(
      R"({0} is jobinit {1}, called by that name: it takes tini's options (0.19.0) and does as tini does
usage: {0} [-sgwv] [-p SIGNAL] [-e CODE]... [--] COMMAND [ARG...]
       {0} -h | -l | --version

  -s         adopt orphans also where this is not PID 1 (or: TINI_SUBREAPER is set)
  -g         pass signals on to COMMAND's whole process group (or: TINI_KILL_PROCESS_GROUP is set)
  -p SIGNAL  take SIGNAL when whoever started this ends; written in full, as SIGTERM
  -e CODE    when COMMAND exits with CODE, exit with 0; may be given again
  -w         warn of each orphan that is reaped
  -v         say more, up to three times (or: TINI_VERBOSITY, a number, usually 1)

Until a JOBINIT_* setting is given, nothing else is done. "jobinit --help" tells what they are.
)",
      base_name(called.program), called.version);
}

Answer fatal(const Called& called, std::string_view text) {
  return {{2, fmt::format("[FATAL tini ({})] {}\n", called.pid, text)}, kFailure};
}

bool is_code(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return digits && text.size() <= 9 && leading_number(text) <= 255;
}

void read_environment(const Called& called, DropIn& into, bool& group) {
  into.habits.subreaper = into.habits.subreaper || lookup(called.environment, "TINI_SUBREAPER");
  group = group || lookup(called.environment, "TINI_KILL_PROCESS_GROUP");
  if (const auto verbosity = lookup(called.environment, "TINI_VERBOSITY")) {
    into.habits.verbosity = leading_number(*verbosity);
  }
}

DropIn read(const Called& called) {
  DropIn result;
  result.habits.verbosity = 1;
  if (called.arguments.size() == 1 && called.arguments.front() == "--version") {
    result.answer = {{1, version_line(called) + "\n"}, 0};
    return result;
  }
  bool group = false;
  std::vector<std::string> remapped;
  Options given =
      read_options(called.program, called.arguments, kForms, !lookup(called.environment, "POSIXLY_CORRECT"));
  for (const Option& option : given.options) {
    switch (option.letter) {
      case 'h': result.answer = {{1, usage(called)}, 0}; return result;
      case 'l': result.answer = {{1, fmt::format("jobinit {}, Apache-2.0\n", called.version)}, 0}; return result;
      case 's': result.habits.subreaper = true; break;
      case 'v': ++result.habits.verbosity; break;
      case 'w': result.habits.tells_of_reaped = true; break;
      case 'g': group = true; break;
      case 'p': {
        const auto signal = parse_signal(option.value);
        if (!signal || signal_name(signal->number) != option.value) {
          result.answer = fatal(called, fmt::format("Not a valid option for -p: {}", option.value));
          return result;
        }
        give(result, Source::flag, "-p", "parent-death-signal", {option.value});
        break;
      }
      case 'e':
        if (!is_code(option.value)) {
          result.answer = fatal(called, fmt::format("Not a valid option for -e: {}", option.value));
          return result;
        }
        remapped.push_back(fmt::format("{}=0", leading_number(option.value)));
        break;
      default: result.answer = {{2, option.value + usage(called)}, kFailure}; return result;
    }
  }
  if (given.operands.empty()) {
    result.answer = {{2, usage(called)}, kFailure};
    return result;
  }
  read_environment(called, result, group);
  if (!remapped.empty()) {
    give(result, Source::flag, "-e", "remap-exit", std::move(remapped));
  }
  give_usual(result, kTini, group);
  result.habits.command = given.operands.front();
  result.arguments.operands = std::move(given.operands);
  return result;
}

enum Level { fatal_level, warning, info, debug };

class Speaker {
 public:
  Speaker(const Habits& habits, int pid) : habits_(habits), pid_(pid) {}

  template <typename... Args>
  Lines say(Level level, fmt::format_string<Args...> format, Args&&... args) const {
    if (habits_.verbosity < level) {
      return {};
    }
    static constexpr std::array<std::string_view, 4> names{"FATAL", "WARN ", "INFO ", "DEBUG"};
    return {{level <= warning ? 2 : 1, fmt::format("[{} tini ({})] {}\n", names.at(level), pid_,
                                                   fmt::format(format, std::forward<Args>(args)...))}};
  }

 private:
  const Habits& habits_;
  int pid_;
};

Lines reaped(const Habits& habits, const Speaker& tini, const Happening& one) {
  Lines lines = tini.say(debug, "Reaped child with pid: '{}'", one.pid);
  Lines more;
  if (!one.main && habits.tells_of_reaped) {
    more = tini.say(warning, "Reaped zombie process with pid={}", one.pid);
  } else if (one.main) {
    more = one.signaled ? tini.say(info, "Main child exited with signal (with signal '{}')", signal_text(one.number))
                        : tini.say(info, "Main child exited normally (with status '{}')", one.number);
  }
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

Lines narrate(const Habits& habits, const Happening& one, int own_pid) {
  const Speaker tini(habits, own_pid);
  switch (one.what) {
    case Happening::no_reaper:
      return tini.say(warning,
                      "neither PID 1 nor a subreaper: orphans go to another process, and zombie reaping won't work "
                      "here; use -s, or set TINI_SUBREAPER");
    case Happening::started: return tini.say(info, "Spawned child process '{}' with pid '{}'", habits.command, one.pid);
    case Happening::could_not_start:
      return tini.say(fatal_level, "exec {} failed: {}", habits.command, error_text(one.number));
    case Happening::children_ended: return tini.say(debug, "Received SIGCHLD");
    case Happening::reaped: return reaped(habits, tini, one);
    case Happening::signal_arrived: return tini.say(debug, "Passing signal: '{}'", signal_text(one.number));
    case Happening::forwarded:
      return one.reached ? Lines() : tini.say(warning, "Child was dead when forwarding signal");
    case Happening::left_terminal:
    case Happening::kept_terminal:
    case Happening::ignored:
    case Happening::rewritten:
    case Happening::dropped:
    case Happening::suspended:
    case Happening::ended: return {};
  }
  return {};
}

int exec_failure(int code) {
  static constexpr int not_found = 127;
  static constexpr int not_executable = 126;
  return code == ENOENT ? not_found : code == EACCES ? not_executable : kFailure;
}

}  // namespace

const Peer kTini{"tini",  kNames,      {.faults = false, .pipe = true, .terminal = false}, kFailure, read,
                 narrate, exec_failure};

}  // namespace jobinit::cli
