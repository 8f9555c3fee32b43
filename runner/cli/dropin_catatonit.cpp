// catatonit, also as podman mounts it: flags, variables, exit codes and what it says, as of 0.1.7 (its README, and the
// program itself; tests/system/test_dropin.py runs both side by side).
#include <fmt/format.h>

#include <array>
#include <csignal>

#include "getopt.hpp"
#include "jobinit/base/environment.hpp"
#include "peers.hpp"

namespace jobinit::cli {
namespace {

constexpr std::array<std::string_view, 2> kNames{"catatonit", "podman-init"};
constexpr std::array kForms{OptionForm{'g'}, OptionForm{'h'}, OptionForm{'L'}, OptionForm{'P'},
                            OptionForm{'V', false, "version"}};
constexpr int kFailure = 1;

constexpr std::string_view kUsage = "usage: catatonit [-ghLPV] [--] COMMAND [ARG...]\n";

std::string help(const Called& called) {
  return fmt::format(
      R"({}
This is jobinit {}, called by that name: it takes catatonit's options (0.1.7) and does as catatonit does.

  -g             pass signals on to COMMAND's whole process group
  -h             this text
  -L             the licence
  -P             run no command, and reap until SIGTERM or SIGINT comes
  -V, --version  the version

Until a JOBINIT_* setting is given, nothing else is done. "jobinit --help" tells what they are.
)",
      kUsage, called.version);
}

std::string failure_line(int pid, std::string_view text) {
  return fmt::format("ERROR (catatonit:{}): {}\n", pid, text);
}

DropIn read(const Called& called) {
  DropIn result;
  Habits& habits = result.habits;
  habits.any_terminal = true;
  habits.subreaper = true;
  habits.blocked_in_job = {SIGTSTP, SIGTTIN, SIGTTOU};
  habits.closes_descriptors = true;
  habits.names_listener = true;
  habits.verbosity = lookup(called.environment, "CATATONIT_DEBUG") ? 1 : 0;
  if (lookup(called.environment, "CATATONIT_LOG")) {
    result.answer = {{2, failure_line(called.pid, "CATATONIT_LOG is reserved for future use")}, kFailure};
    return result;
  }
  bool group = false;
  Options given =
      read_options(called.program, called.arguments, kForms, !lookup(called.environment, "POSIXLY_CORRECT"));
  for (const Option& option : given.options) {
    switch (option.letter) {
      case 'g': group = true; break;
      case 'P': habits.pause = true; break;
      case 'h': result.answer = {{2, help(called)}, 0}; return result;
      case 'L': result.answer = {{1, fmt::format("jobinit {}, Apache-2.0\n", called.version)}, 0}; return result;
      // "tini" for docker's and podman's sake, which know that form only.
      case 'V':
        result.answer = {{1, fmt::format("tini version 0.1.7_catatonit (jobinit {})\n", called.version)}, 0};
        return result;
      default: result.answer = {{2, option.value + std::string(kUsage)}, kFailure}; return result;
    }
  }
  if (given.operands.empty() && !habits.pause) {
    result.answer = {{2, failure_line(called.pid, "missing program name") + std::string(kUsage)}, kFailure};
    return result;
  }
  give(result, Source::platform, kCatatonit.name, "rewrite-signal", {"TSTP:0", "TTIN:0", "TTOU:0"});
  give_usual(result, kCatatonit, group);
  habits.command = habits.pause ? "" : given.operands.front();
  result.arguments.operands = std::move(given.operands);
  return result;
}

template <typename... Args>
Lines debug(int pid, fmt::format_string<Args...> format, Args&&... args) {
  return {{2, fmt::format("DEBUG (catatonit:{}): {}\n", pid, fmt::format(format, std::forward<Args>(args)...))}};
}

Lines narrate(const Habits& habits, const Happening& one, int own_pid) {
  if (one.what == Happening::could_not_start) {
    return {{2, failure_line(own_pid, fmt::format("failed to exec pid1: {}", error_text(one.number)))}};
  }
  if (habits.verbosity == 0) {
    return {};
  }
  switch (one.what) {
    case Happening::started: return debug(own_pid, "pid1 ({}) spawned: {}", one.pid, habits.command);
    case Happening::reaped:
      if (one.main) {
        return {};
      }
      return one.signaled ? debug(own_pid, "child process {} exited due to signal {}", one.pid, one.number)
                          : debug(own_pid, "child process {} exited with code {}", one.pid, one.number);
    case Happening::no_reaper:
    case Happening::left_terminal:
    case Happening::kept_terminal:
    case Happening::could_not_start:
    case Happening::children_ended:
    case Happening::signal_arrived:
    case Happening::ignored:
    case Happening::rewritten:
    case Happening::forwarded:
    case Happening::dropped:
    case Happening::suspended:
    case Happening::ended: return {};
  }
  return {};
}

int exec_failure(int /*code*/) { return kFailure; }

}  // namespace

const Peer kCatatonit{"catatonit", kNames,      {.faults = false, .pipe = true, .terminal = true}, kFailure, read,
                      narrate,     exec_failure};

}  // namespace jobinit::cli
