// What jobinit reads, and how it speaks, by another init's name: tables. That the others do the same is for
// tests/system/test_dropin.py, which runs them.
#include "jobinit/cli/dropin.hpp"

#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <cerrno>
#include <csignal>

#include "support.hpp"

namespace jobinit::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST(FindPeer, GoesByTheLastPartOfTheName) {
  struct Row {
    const char* program;
    const char* peer;  // null: none
  };
  for (const Row& row :
       {Row{"tini", "tini"}, Row{"/sbin/tini", "tini"}, Row{"./tini-static", "tini"}, Row{"/sbin/docker-init", "tini"},
        Row{"dumb-init", "dumb-init"}, Row{"/usr/bin/catatonit", "catatonit"}, Row{"/run/podman-init", "catatonit"},
        Row{"jobinit", nullptr}, Row{"tini/jobinit", nullptr}, Row{"tini2", nullptr}, Row{"", nullptr}}) {
    const Peer* peer = find_peer(row.program);
    EXPECT_EQ(peer == nullptr ? "none" : peer->name, row.peer == nullptr ? "none" : row.peer) << row.program;
  }
}

TEST(IsJobinit, GoesByTheLastPartOfTheName) {
  EXPECT_TRUE(is_jobinit("/usr/local/bin/jobinit"));
  EXPECT_TRUE(is_jobinit("jobinit"));
  EXPECT_FALSE(is_jobinit("tini"));
  EXPECT_FALSE(is_jobinit("/jobinit/tini"));
}

// ---- reading --------------------------------------------------------------------------------------------------------

std::string placement(Placement place) {
  switch (place) {
    case Placement::session: return "session";
    case Placement::group: return "group";
    case Placement::terminal_session: return "terminal_session";
    case Placement::ours: return "ours";
  }
  return "?";
}

// Settings that differ from what is usual, habits that can be chosen, and the command.
std::string describe(const DropIn& read) {
  if (read.answer) {
    std::string text = read.answer->line.text;
    text.resize(std::min(text.find('\n'), text.size()));
    return fmt::format("exit={} fd={} {}", read.answer->exit_code, read.answer->line.fd, text);
  }
  std::string text = placement(read.habits.place);
  for (const Given& one : read.arguments.given) {
    text +=
        fmt::format(" {}{}={}", one.source == Source::flag ? "" : "~", one.setting->flag, fmt::join(one.texts, ","));
  }
  const std::pair<bool, const char*> flags[] = {{read.habits.subreaper, "subreaper"},
                                                {read.habits.tells_of_reaped, "tells"},
                                                {read.habits.pause, "pause"},
                                                {read.habits.verbosity > 0, "speaks"}};
  for (const auto& [set, name] : flags) {
    text += set ? fmt::format(" {}", name) : "";
  }
  if (read.habits.verbosity > 1) {
    text += fmt::format("={}", read.habits.verbosity);
  }
  return fmt::format("{} | {}", text, fmt::join(read.arguments.operands, " "));
}

struct Row {
  const char* program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  const char* expected;
};

constexpr const char* kTiniUsual = "group ~leftovers=ignore ~forward=child speaks | ls";
constexpr const char* kDumbUsual =
    "terminal_session ~rewrite-signal=20:19,21:19,22:19 ~leftovers=ignore forward=group | ls";
constexpr const char* kCatatonitUsual =
    "group ~rewrite-signal=TSTP:0,TTIN:0,TTOU:0 ~leftovers=ignore ~forward=child subreaper | ls";

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"tini", {"ls"}, {}, kTiniUsual},
      {"tini", {"--", "ls"}, {}, kTiniUsual},
      {"/sbin/docker-init", {"--", "ls"}, {}, kTiniUsual},
      {"tini", {"-g", "ls"}, {}, "group ~leftovers=ignore forward=group speaks | ls"},
      {"tini", {"ls"}, {"TINI_KILL_PROCESS_GROUP="}, "group ~leftovers=ignore forward=group speaks | ls"},
      {"tini", {"-s", "ls"}, {}, "group ~leftovers=ignore ~forward=child subreaper speaks | ls"},
      {"tini", {"ls"}, {"TINI_SUBREAPER="}, "group ~leftovers=ignore ~forward=child subreaper speaks | ls"},
      {"tini", {"-wvv", "ls"}, {}, "group ~leftovers=ignore ~forward=child tells speaks=3 | ls"},
      {"tini", {"-v", "ls"}, {"TINI_VERBOSITY=0"}, "group ~leftovers=ignore ~forward=child | ls"},
      {"tini", {"ls"}, {"TINI_VERBOSITY= 3x"}, "group ~leftovers=ignore ~forward=child speaks=3 | ls"},
      {"tini", {"ls"}, {"TINI_VERBOSITY=all"}, "group ~leftovers=ignore ~forward=child | ls"},
      {"tini",
       {"-p", "SIGTERM", "ls"},
       {},
       "group parent-death-signal=SIGTERM ~leftovers=ignore ~forward=child speaks | ls"},
      {"tini",
       {"-pSIGKILL", "ls"},
       {},
       "group parent-death-signal=SIGKILL ~leftovers=ignore ~forward=child speaks | ls"},
      {"tini", {"-p", "TERM", "ls"}, {}, "exit=1 fd=2 [FATAL tini (7)] Not a valid option for -p: TERM"},
      {"tini", {"-p", "15", "ls"}, {}, "exit=1 fd=2 [FATAL tini (7)] Not a valid option for -p: 15"},
      {"tini",
       {"-e", "143", "-e7", "ls"},
       {},
       "group remap-exit=143=0,7=0 ~leftovers=ignore ~forward=child speaks | ls"},
      {"tini", {"-e", "256", "ls"}, {}, "exit=1 fd=2 [FATAL tini (7)] Not a valid option for -e: 256"},
      {"tini", {"-e", "one", "ls"}, {}, "exit=1 fd=2 [FATAL tini (7)] Not a valid option for -e: one"},
      {"tini", {"-e", "-1", "ls"}, {}, "exit=1 fd=2 [FATAL tini (7)] Not a valid option for -e: -1"},
      {"tini", {"-z", "ls"}, {}, "exit=1 fd=2 tini: invalid option -- 'z'"},
      {"tini", {"-e"}, {}, "exit=1 fd=2 tini: option requires an argument -- 'e'"},
      {"/sbin/tini", {"-z"}, {}, "exit=1 fd=2 /sbin/tini: invalid option -- 'z'"},
      // Options are looked for behind the command too, which is why it is to be written behind "--".
      {"tini", {"ls", "-g"}, {}, "group ~leftovers=ignore forward=group speaks | ls"},
      {"tini", {"ls", "-g"}, {"POSIXLY_CORRECT=1"}, "group ~leftovers=ignore ~forward=child speaks | ls -g"},
      {"tini", {"--", "ls", "-g"}, {}, "group ~leftovers=ignore ~forward=child speaks | ls -g"},
      {"tini", {"ls", "--", "-g"}, {}, "group ~leftovers=ignore ~forward=child speaks | ls -g"},
      {"tini", {"--version"}, {}, "exit=0 fd=1 tini version 0.19.0 (jobinit 9.9)"},
      {"tini", {"--version", "ls"}, {}, "exit=1 fd=2 tini: invalid option -- '-'"},
      {"tini", {"-l"}, {}, "exit=0 fd=1 jobinit 9.9, Apache-2.0"},
      {"tini", {"-z", "-l"}, {}, "exit=1 fd=2 tini: invalid option -- 'z'"},

      {"dumb-init", {"ls"}, {}, kDumbUsual},
      {"dumb-init",
       {"ls", "-l"},
       {},
       "terminal_session ~rewrite-signal=20:19,21:19,22:19 ~leftovers=ignore forward=group | ls -l"},
      {"dumb-init", {"-c", "ls"}, {}, "ours ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"--single-child", "ls"}, {}, "ours ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"--sing", "ls"}, {}, "ours ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"ls"}, {"DUMB_INIT_SETSID=0"}, "ours ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"ls"}, {"DUMB_INIT_SETSID="}, kDumbUsual},
      {"dumb-init",
       {"-r", "15:3", "--rewrite=1:0", "--rewrite", "20:18", "ls"},
       {},
       "terminal_session rewrite-signal=1:0,15:3,20:18,21:19,22:19 ~leftovers=ignore forward=group | ls"},
      {"dumb-init", {"-c", "-r", "15:3", "ls"}, {}, "ours rewrite-signal=15:3 ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"-r", "15:3x", "-c", "ls"}, {}, "ours rewrite-signal=15:3 ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init",
       {"-r", "15:32", "ls"},
       {},
       "exit=1 fd=2 Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31."},
      {"dumb-init",
       {"-r", "0:1", "ls"},
       {},
       "exit=1 fd=2 Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31."},
      {"dumb-init",
       {"-r", "TERM:QUIT", "ls"},
       {},
       "exit=1 fd=2 Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31."},
      {"dumb-init", {"-v", "-c", "ls"}, {}, "ours ~leftovers=ignore ~forward=child speaks | ls"},
      {"dumb-init", {"-c", "ls"}, {"DUMB_INIT_DEBUG=1"}, "ours ~leftovers=ignore ~forward=child speaks | ls"},
      {"dumb-init", {"-c", "ls"}, {"DUMB_INIT_DEBUG=yes"}, "ours ~leftovers=ignore ~forward=child | ls"},
      {"dumb-init", {"-V"}, {}, "exit=0 fd=2 dumb-init v1.2.5"},
      {"dumb-init",
       {"--ver"},
       {},
       "exit=1 fd=2 dumb-init: option '--ver' is ambiguous; possibilities: '--verbose' '--version'"},
      {"dumb-init", {"--help=1"}, {}, "exit=1 fd=2 dumb-init: option '--help' doesn't allow an argument"},
      {"dumb-init", {"--rewrite"}, {}, "exit=1 fd=2 dumb-init: option '--rewrite' requires an argument"},
      {"dumb-init", {"--yolo", "ls"}, {}, "exit=1 fd=2 dumb-init: unrecognized option '--yolo'"},
      {"dumb-init", {}, {}, "exit=1 fd=2 Usage: dumb-init [option] program [args]"},
      {"dumb-init", {"--"}, {}, "exit=1 fd=2 Usage: dumb-init [option] program [args]"},

      {"catatonit", {"ls"}, {}, kCatatonitUsual},
      {"/run/podman-init", {"--", "ls"}, {}, kCatatonitUsual},
      {"catatonit",
       {"-g", "ls"},
       {},
       "group ~rewrite-signal=TSTP:0,TTIN:0,TTOU:0 ~leftovers=ignore forward=group subreaper | ls"},
      {"catatonit",
       {"ls"},
       {"CATATONIT_DEBUG="},
       "group ~rewrite-signal=TSTP:0,TTIN:0,TTOU:0 ~leftovers=ignore ~forward=child subreaper speaks | ls"},
      {"catatonit",
       {"-P"},
       {},
       "group ~rewrite-signal=TSTP:0,TTIN:0,TTOU:0 ~leftovers=ignore ~forward=child subreaper pause | "},
      {"catatonit", {"--version"}, {}, "exit=0 fd=1 tini version 0.1.7_catatonit (jobinit 9.9)"},
      {"catatonit", {"-V"}, {}, "exit=0 fd=1 tini version 0.1.7_catatonit (jobinit 9.9)"},
      {"catatonit", {"-L"}, {}, "exit=0 fd=1 jobinit 9.9, Apache-2.0"},
      {"catatonit", {}, {}, "exit=1 fd=2 ERROR (catatonit:7): missing program name"},
      {"catatonit", {"ls", "-z"}, {}, "exit=1 fd=2 catatonit: invalid option -- 'z'"},
      {"catatonit",
       {"ls"},
       {"CATATONIT_LOG=x"},
       "exit=1 fd=2 ERROR (catatonit:7): CATATONIT_LOG is reserved for future use"},
  };
  return all;
}

TEST(DropIn, Reads) {
  for (const Row& row : rows()) {
    const Peer* peer = find_peer(row.program);
    ASSERT_NE(peer, nullptr) << row.program;
    const DropIn read = peer->read({row.program, row.arguments, row.environment, 7, "9.9"});
    EXPECT_EQ(describe(read), row.expected)
        << fmt::format("{} {} with {}", row.program, fmt::join(row.arguments, " "), fmt::join(row.environment, " "));
    // What is given is a setting with a good value, whatever it stands for.
    EXPECT_THAT(resolve(read.arguments.given).problems, testing::IsEmpty());
  }
}

TEST(DropIn, HelpNamesJobinitAndThePeer) {
  for (const char* program : {"tini", "dumb-init", "catatonit"}) {
    const std::vector<std::string> arguments{"-h"};
    const DropIn read = find_peer(program)->read({program, arguments, {}, 7, "9.9"});
    ASSERT_TRUE(read.answer) << program;
    EXPECT_EQ(read.answer->exit_code, 0);
    EXPECT_THAT(read.answer->line.text, AllOf(HasSubstr("jobinit 9.9"), HasSubstr(program), HasSubstr("JOBINIT_")));
  }
}

TEST(DropIn, TellsOfItsModes) {
  const std::vector<std::string> arguments{"ls"};
  const std::vector<std::string> environment{"DUMB_INIT_DEBUG=1", "DUMB_INIT_SETSID=0"};
  EXPECT_EQ(find_peer("dumb-init")->read({"dumb-init", arguments, environment, 7, "9.9"}).opening,
            (Lines{{2, "[dumb-init] Running in debug mode.\n"}, {2, "[dumb-init] Not running in setsid mode.\n"}}));
}

TEST(DropIn, ExitCodesForWhatCannotBeStarted) {
  struct Codes {
    const char* program;
    int missing, denied, other;
  };
  for (const Codes& row : {Codes{"tini", 127, 126, 1}, Codes{"dumb-init", 2, 2, 2}, Codes{"catatonit", 1, 1, 1}}) {
    const Peer* peer = find_peer(row.program);
    EXPECT_EQ(peer->exec_failure(ENOENT), row.missing) << row.program;
    EXPECT_EQ(peer->exec_failure(EACCES), row.denied) << row.program;
    EXPECT_EQ(peer->exec_failure(E2BIG), row.other) << row.program;
  }
}

// ---- speaking -------------------------------------------------------------------------------------------------------

struct Saying {
  const char* program;
  int verbosity;
  Happening happening;
  std::string out;
  std::string err;
};

TEST(DropIn, Speaks) {
  const Happening started{.what = Happening::started, .pid = 9};
  const Happening missing{.what = Happening::could_not_start, .number = ENOENT};
  const Happening orphan{.what = Happening::reaped, .pid = 8};
  const Happening exited{.what = Happening::reaped, .pid = 9, .number = 3, .main = true};
  const Happening killed{.what = Happening::reaped, .pid = 9, .number = SIGTERM, .main = true, .signaled = true};
  const Happening arrived{.what = Happening::signal_arrived, .number = SIGHUP};
  const std::vector<Saying> sayings{
      {"tini", 1, started, "", ""},
      {"tini", 2, started, "[INFO  tini (7)] Spawned child process 'ls' with pid '9'\n", ""},
      {"tini", 0, missing, "", "[FATAL tini (7)] exec ls failed: No such file or directory\n"},
      {"tini", 1, orphan, "", "[WARN  tini (7)] Reaped zombie process with pid=8\n"},
      {"tini", 0, orphan, "", ""},
      {"tini", 2, exited, "[INFO  tini (7)] Main child exited normally (with status '3')\n", ""},
      {"tini", 2, killed, "[INFO  tini (7)] Main child exited with signal (with signal 'Terminated')\n", ""},
      {"tini", 3, arrived, "[DEBUG tini (7)] Passing signal: 'Hangup'\n", ""},
      {"tini",
       1,
       {.what = Happening::forwarded, .number = 1, .reached = false},
       "",
       "[WARN  tini (7)] Child was dead when forwarding signal\n"},
      {"tini", 1, {.what = Happening::forwarded, .number = 1}, "", ""},
      {"dumb-init", 0, started, "", ""},
      {"dumb-init", 0, missing, "", "[dumb-init] ls: No such file or directory\n"},
      {"dumb-init", 1, exited, "", "[dumb-init] A child with PID 9 exited with exit status 3.\n"},
      {"dumb-init", 1, killed, "", "[dumb-init] A child with PID 9 was terminated by signal 15.\n"},
      {"dumb-init", 1, arrived, "", "[dumb-init] Received signal 1.\n"},
      {"dumb-init",
       1,
       {.what = Happening::ended, .number = 9, .signaled = true},
       "",
       "[dumb-init] Child exited with status 137. Goodbye.\n"},
      {"catatonit", 0, missing, "", "ERROR (catatonit:7): failed to exec pid1: No such file or directory\n"},
      {"catatonit", 0, started, "", ""},
      {"catatonit", 1, started, "", "DEBUG (catatonit:7): pid1 (9) spawned: ls\n"},
  };
  for (const Saying& row : sayings) {
    Habits habits;
    habits.verbosity = row.verbosity;
    habits.command = "ls";
    habits.tells_of_reaped = true;
    std::string said[3];
    for (const Line& line : find_peer(row.program)->narrate(habits, row.happening, 7)) {
      said[line.fd] += line.text;
    }
    EXPECT_EQ(said[1], row.out) << row.program;
    EXPECT_EQ(said[2], row.err) << row.program;
  }
}

}  // namespace
}  // namespace jobinit::cli
