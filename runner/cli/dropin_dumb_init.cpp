// dumb-init: flags, variables, exit codes and what it says, as of 1.2.5 (its README, and the program itself;
// tests/system/test_dropin.py runs both side by side, and scripts/peer-tests its own tests).
#include <fmt/format.h>

#include <array>
#include <csignal>

#include "getopt.hpp"
#include "jobinit/base/environment.hpp"
#include "peers.hpp"

namespace jobinit::cli {
namespace {

constexpr std::array<std::string_view, 1> kNames{"dumb-init"};
constexpr std::array kForms{OptionForm{'h', false, "help"}, OptionForm{'c', false, "single-child"},
                            OptionForm{'r', true, "rewrite"}, OptionForm{'v', false, "verbose"},
                            OptionForm{'V', false, "version"}};
constexpr std::string_view kVersion = "dumb-init v1.2.5";
constexpr int kFailure = 1;
constexpr int kHighestSignal = 31;

std::string help(const Called& called) {
  return fmt::format(
      R"({} is jobinit {}, called by that name: it takes dumb-init's options (1.2.5) and does as dumb-init does
usage: {} [option...] [--] COMMAND [ARG...]

  -c, --single-child   no session for COMMAND; signals go to it alone (or: DUMB_INIT_SETSID=0)
  -r, --rewrite S:R    pass signal number R on for S; R is 0: nothing; may be given again
  -v, --verbose        tell on stderr what happens (or: DUMB_INIT_DEBUG=1)
  -h, --help           this text
  -V, --version        the version

Until a JOBINIT_* setting is given, nothing else is done. "jobinit --help" tells what they are.
)",
      kVersion, called.version, called.program);
}

constexpr std::string_view kRewriteUsage =
    "Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\n"
    "This option can be specified multiple times.\n"
    "Use --help for full usage.\n";

// Two numbers with a colon between them, as scanf(3) reads "%d:%d": what comes behind them does not matter.
std::optional<std::pair<int, int>> read_rewrite(const std::string& text) {
  int from = -1;
  int into = -1;
  if (std::sscanf(text.c_str(), "%d:%d", &from, &into) != 2) {  // NOLINT(cert-err34-c): bounds are checked below
    return std::nullopt;
  }
  if (from < 1 || from > kHighestSignal || into < 0 || into > kHighestSignal) {
    return std::nullopt;
  }
  return std::pair(from, into);
}

DropIn read(const Called& called) {
  DropIn result;
  Habits& habits = result.habits;
  habits.place = Placement::terminal_session;
  habits.fresh_signals = true;
  habits.suspends_on = {SIGTSTP, SIGTTIN, SIGTTOU};
  habits.farewell = SIGTERM;
  habits.leaves_folder = true;
  std::map<int, int> rewrite;
  Options given = read_options(called.program, called.arguments, kForms, false);
  for (const Option& option : given.options) {
    switch (option.letter) {
      case 'h': result.answer = {{2, help(called)}, 0}; return result;
      case 'V': result.answer = {{2, fmt::format("{}\n", kVersion)}, 0}; return result;
      case 'c': habits.place = Placement::ours; break;
      case 'v': habits.verbosity = 1; break;
      case 'r':
        if (const auto one = read_rewrite(option.value)) {
          rewrite[one->first] = one->second;
          break;
        }
        result.answer = {{2, std::string(kRewriteUsage)}, kFailure};
        return result;
      default: result.answer = {{2, option.value}, kFailure}; return result;
    }
  }
  if (given.operands.empty()) {
    result.answer = {
        {2, fmt::format("Usage: {0} [option] program [args]\nTry {0} --help for full usage.\n", called.program)},
        kFailure};
    return result;
  }
  if (lookup(called.environment, "DUMB_INIT_DEBUG") == "1") {
    habits.verbosity = 1;
    result.opening.push_back({2, "[dumb-init] Running in debug mode.\n"});
  }
  if (lookup(called.environment, "DUMB_INIT_SETSID") == "0") {
    habits.place = Placement::ours;
    if (habits.verbosity > 0) {
      result.opening.push_back({2, "[dumb-init] Not running in setsid mode.\n"});
    }
  }
  const bool session = habits.place == Placement::terminal_session;
  const Source source = rewrite.empty() ? Source::platform : Source::flag;
  if (session) {
    // A session that no shell looks after ignores these three, so that they become the one that nobody can ignore.
    for (const int signal : habits.suspends_on) {
      rewrite.try_emplace(signal, SIGSTOP);
    }
  }
  std::vector<std::string> texts;
  texts.reserve(rewrite.size());
  for (const auto& [from, into] : rewrite) {
    texts.push_back(fmt::format("{}:{}", from, into));
  }
  if (!texts.empty()) {
    give(result, source, "-r", "rewrite-signal", std::move(texts));
  }
  give_usual(result, kDumbInit, session);
  habits.command = given.operands.front();
  result.arguments.operands = std::move(given.operands);
  return result;
}

template <typename... Args>
Lines say(fmt::format_string<Args...> format, Args&&... args) {
  return {{2, fmt::format("[dumb-init] {}\n", fmt::format(format, std::forward<Args>(args)...))}};
}

Lines narrate(const Habits& habits, const Happening& one, int /*own_pid*/) {
  if (one.what == Happening::could_not_start) {
    return say("{}: {}", habits.command, error_text(one.number));
  }
  if (habits.verbosity == 0) {
    return {};
  }
  switch (one.what) {
    case Happening::left_terminal:
      return one.number == 1 ? say("Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.")
                             : say("Detached from controlling tty, but was not session leader.");
    case Happening::kept_terminal:
      return say("Unable to detach from controlling tty (errno={} {}).", one.number, error_text(one.number));
    case Happening::started: {
      Lines lines = say("Child spawned with PID {}.", one.pid);
      if (habits.place == Placement::terminal_session) {
        lines.push_back(say("setsid complete.").front());
      }
      return lines;
    }
    case Happening::children_ended: return say("Received signal {}.", SIGCHLD);
    case Happening::reaped:
      return one.signaled ? say("A child with PID {} was terminated by signal {}.", one.pid, one.number)
                          : say("A child with PID {} exited with exit status {}.", one.pid, one.number);
    case Happening::signal_arrived: return say("Received signal {}.", one.number);
    case Happening::ignored: return say("Ignoring tty hand-off signal {}.", one.number);
    case Happening::rewritten: return say("Translating signal {} to {}.", one.number, one.into);
    case Happening::forwarded: return say("Forwarded signal {} to children.", one.number);
    case Happening::dropped: return say("Not forwarding signal 0 to children (ignored).");
    case Happening::suspended: return say("Suspending self due to TTY signal.");
    case Happening::ended:
      return say("Child exited with status {}. Goodbye.", one.signaled ? 128 + one.number : one.number);
    case Happening::no_reaper:
    case Happening::could_not_start: return {};
  }
  return {};
}

int exec_failure(int /*code*/) { return 2; }

}  // namespace

const Peer kDumbInit{"dumb-init", kNames,      {.faults = true, .pipe = true, .terminal = true}, kFailure, read,
                     narrate,     exec_failure};

}  // namespace jobinit::cli
