// Settings from every source. Driven by the table itself: a new row is tested without a line here, or fails for want of
// a sample of its type.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>

#include "jobinit/cli/help.hpp"
#include "jobinit/cli/resolve.hpp"
#include "jobinit/job/job_file.hpp"
#include "support.hpp"

namespace jobinit::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Everything in Settings, for comparing. The binding names every member: a new one does not compile until it is here.
auto everything(const Settings& settings) {
  const auto& [command, job_file, name, params, params_file, params_env, params_to, index, count, user, group, chdir,
               umask, nice, limit, no_new_privs, drop_caps, env_clear, env_keep, timeout, deadline, attempt_timeout,
               start_timeout, idle_timeout, cpu_timeout, watchdog, warn_before, notify, forward, rewrite_signal,
               leftovers, stop_signal, stop_grace, report_reserve, leftover_grace, drain_timeout, parent_death_signal,
               retries, retry_on, retry_backoff, retry_backoff_max, before, before_timeout, after, after_timeout,
               success_codes, exit_code, remap_exit, memory, memory_tier, memory_action, memory_reserve, memory_warn,
               memory_per_process, pids, oom_score_adj, tail, tail_lines, log_format, log_fields, log_time, log_color,
               log_max_line, log_multiline, log_strip_ansi, mask, mask_pattern, log_file, log_rotate, log_file_only,
               log_overflow, log_rate, report_to, report_timeout, report_required, heartbeat, ca_file, client_cert,
               client_key, verbose, state_dir, spool, spool_size, quiet] = settings;
  return std::tuple(
      command, job_file, name, params, params_file, params_env, params_to, index, count, user, group, chdir, umask,
      nice, limit, no_new_privs, drop_caps, env_clear, env_keep, timeout, deadline, attempt_timeout, start_timeout,
      idle_timeout, cpu_timeout, watchdog, warn_before, notify, forward, rewrite_signal, leftovers, stop_signal.number,
      stop_grace, report_reserve, leftover_grace, drain_timeout, parent_death_signal, retries, retry_on, retry_backoff,
      retry_backoff_max, before, before_timeout, after, after_timeout, success_codes, exit_code, remap_exit, memory,
      memory_tier, memory_action, memory_reserve, memory_warn, memory_per_process, pids, oom_score_adj, tail,
      tail_lines, log_format, log_fields, log_time, log_color, log_max_line, log_multiline, log_strip_ansi, mask,
      mask_pattern, log_file, log_rotate, log_file_only, log_overflow, log_rate, report_to, report_timeout,
      report_required, heartbeat, ca_file, client_cert, client_key, verbose, state_dir, spool, spool_size, quiet);
}

bool same(const Settings& a, const Settings& b) { return everything(a) == everything(b); }

template <typename Tuple, std::size_t... Index>
std::size_t differences(const Tuple& a, const Tuple& b, std::index_sequence<Index...> /*all*/) {
  return (std::size_t{0} + ... + static_cast<std::size_t>(std::get<Index>(a) != std::get<Index>(b)));
}

std::size_t differences(const Settings& a, const Settings& b) {
  const auto left = everything(a);
  return differences(left, everything(b), std::make_index_sequence<std::tuple_size_v<decltype(left)>>());
}

// Values of one type, by what stands for it in --help. None is any setting's default.
struct Samples {
  std::string_view placeholder;
  std::array<const char*, 4> good;  // one a source, all different
  const char* bad;                  // null: every text is good
};

constexpr std::array kSamples{
    Samples{"COMMAND", {R"(["./a","b c"])", "./b --x", R"(["c"])", "d | e"}, "[1]"},
    Samples{"FILE", {"/a.json", "/b.json", "/c.json", "/d.json"}, nullptr},
    Samples{"NAME", {"feed a", "feed,b", "feed=c", "feed-d"}, nullptr},
    Samples{"FOLDER", {"/a", "/b", "/c", "/d"}, nullptr},
    Samples{"DURATION", {"7m", "11s", "PT13M", "17ms"}, "7 minutes"},
    Samples{"SIGNAL", {"INT", "SIGUSR1", "RTMIN+1", "3"}, "SIGNOT"},
    Samples{"CODE,...", {"0,3", "4", "5,6,7", "8"}, "0,256"},
    Samples{"CAUSE=CODE,...", {"timeout=75,failed=1", "stopped=2", "internal=3", "success=4"}, "timeout=75,tiemout=1"},
    Samples{"CODE=CODE,...", {"143=0,137=1", "1=2", "3=4", "5=6"}, "143"},
    Samples{"N", {"-1000", "0", "1000", "7"}, "1001"},
    Samples{"SIZE", {"1M", "2Ki", "3KB", "4K"}, "1 MB"},
    Samples{"SIZE|SHARE%", {"80%", "512M", "1.5Gi", "12.5%"}, "101%"},
    Samples{"TIER", {"cgroup", "guard", "off", "guard"}, "cgroups"},
    Samples{"ACTION", {"kill", "signal=USR1", "signal=10", "kill"}, "signal=NOT"},
    Samples{"PROCESSES", {"1", "2000", "4194304", "3"}, "4194305"},
    Samples{"PATH", {"/a.log", "/b c", "d", "/e,f"}, nullptr},
    Samples{"SIZExCOUNT", {"100Mx5", "1x1", "2Gix1000", "4096x3"}, "100M"},
    Samples{"OVERFLOW", {"drop", "drop", "drop", "drop"}, "block,drop"},
    Samples{"RATE,...", {"1000/s,1M/s", "1/s", "2K/s", "3/s"}, "1000"},
    Samples{"LINES", {"1", "200", "1000000000", "3"}, "many"},
    Samples{"SINK", {"file:/a,b stderr:", "stdout:", "file:/c", "file:/d"}, nullptr},
    Samples{"WHOM", {"child", "none", "child", "none"}, "children"},
    Samples{"WHAT", {"wait", "ignore", "wait", "ignore"}, "waiting"},
    Samples{"FROM:TO,...", {"TERM:QUIT,HUP:0", "1:15", "USR1:SIGUSR2", "INT:TERM"}, "TERM"},
    Samples{"MOMENT", {"06:00", "2100-01-31T06:00:00Z", "@5000000000", "23:59:59+09:00"}, "tomorrow"},
    Samples{"DURATION[=SIGNAL],...", {"60s=USR1,5s", "1m", "2m=TERM", "3m=10"}, "60s=USR3"},
    Samples{"COUNT", {"1", "2", "1000", "3"}, "1001"},
    Samples{"CAUSE|CODE,...", {"failed,75", "3", "oom_killed", "timeout 4"}, "failed,success"},
    Samples{"USER[:GROUP]", {"app", "app:batch", "10001", "0:0"}, nullptr},
    Samples{"GROUP", {"batch", "wheel", "10001", "0"}, nullptr},
    Samples{"DIR", {"/a", "/b c", "d", "/e,f"}, nullptr},
    Samples{"OCTAL", {"022", "0077", "7", "0"}, "8"},
    Samples{"NICENESS", {"-20", "0", "19", "7"}, "20"},
    Samples{"NAME=SOFT[:HARD],...", {"nofile=1:2,core=0", "nofile=1", "as=2G", "cpu=unlimited"}, "nofile=1,nofle=1"},
    Samples{"CAP,...", {"ALL", "CAP_CHOWN,CAP_KILL", "chown", "CAP_BPF"}, "CAP_CHOWN,CAP_CHWON"},
    Samples{"NAME,...", {"PATH,LC_*", "PATH", "A,B", "?"}, "PATH,A=b"},
    Samples{"JSON", {R"({"A":1})", R"({"A":2})", R"({"A":3})", R"({"A":4})"}, nullptr},
    Samples{"VARIABLE", {"EVENT", "A", "B", "C"}, nullptr},
    Samples{"WAY,...", {"stdin,file:/a", "argv", "env,argv", "file:/b"}, "stdin,files"},
    Samples{"INDEX", {"0", "1", "2", "3"}, "-1"},
    Samples{"TASKS", {"4", "5", "6", "7"}, "0"},
    Samples{"FORMAT", {"json", "text", "json", "text"}, "jsno"},
    Samples{"FIELD,...", {"msg,time", "msg", "stream,msg,run_id", "job,msg"}, "msg,message"},
    Samples{"PRECISION", {"ms", "s", "none", "ms"}, "ns"},
    Samples{"WHEN", {"always", "never", "always", "never"}, "sometimes"},
    Samples{"LENGTH", {"4K", "128", "512K", "1000"}, "127"},
    Samples{"REGEX", {"^[0-9]{4}-", "a b", "x,y", "(a|b)\\s"}, nullptr},
    Samples{"", {"true", "yes", "on", "1"}, "maybe"},
};

const Samples& samples_of(const Setting& setting) {
  const auto* const found = std::find_if(kSamples.begin(), kSamples.end(), [&](const Samples& samples) {
    return samples.placeholder == setting.placeholder;
  });
  if (found == kSamples.end()) {
    throw std::runtime_error(fmt::format("no samples for {}", setting.placeholder));
  }
  return *found;
}

// One setting as each source would say it.
std::vector<Given> by_flag(const Setting& setting, const std::string& text) {
  Arguments parsed = parse_arguments(std::vector<std::string>{fmt::format("--{}={}", setting.flag, text)});
  EXPECT_THAT(parsed.problems, IsEmpty());
  return parsed.given;
}

std::vector<Given> by_environment(const Setting& setting, const std::string& text) {
  Parsed parsed = parse_environment(std::vector<std::string>{fmt::format("{}={}", setting.env(), text)});
  EXPECT_THAT(parsed.problems, IsEmpty());
  return parsed.given;
}

std::vector<Given> by_job_file(const Setting& setting, const nlohmann::json& value) {
  Parsed parsed = job::parse_job_file(nlohmann::json{{setting.key(), value}}.dump(), "job.json");
  EXPECT_THAT(parsed.problems, IsEmpty());
  return parsed.given;
}

std::vector<Given> by_platform(const Setting& setting, const std::string& text) {
  std::vector<Given> given = by_environment(setting, text);
  for (Given& one : given) {
    one.source = Source::platform;
  }
  return given;
}

Settings resolved_settings(std::vector<Given> given) {
  const Resolved resolved = resolve(std::move(given));
  EXPECT_THAT(resolved.problems, IsEmpty());
  return resolved.settings;
}

std::vector<Given> together(std::initializer_list<std::vector<Given>> all) {
  std::vector<Given> given;
  for (const auto& one : all) {
    given.insert(given.end(), one.begin(), one.end());
  }
  return given;
}

std::vector<const Setting*> rows() {
  std::vector<const Setting*> all;
  for (const Setting& setting : settings_table()) {
    all.push_back(&setting);
  }
  return all;
}

// ---- every row ------------------------------------------------------------------------------------------------------

class EverySetting : public testing::TestWithParam<const Setting*> {
 protected:
  const Setting& setting() const { return *GetParam(); }
  const Samples& samples() const { return samples_of(setting()); }
};

INSTANTIATE_TEST_SUITE_P(Table, EverySetting, testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param->key(); });

TEST_P(EverySetting, IsNamedByOneRule) {
  EXPECT_THAT(std::string(setting().flag), testing::MatchesRegex("[a-z]+(-[a-z]+)*"));
  EXPECT_EQ(find_by_flag(setting().flag), &setting());
  EXPECT_EQ(find_by_env(setting().env()), &setting());
  EXPECT_EQ(find_by_key(setting().key()), &setting());
  EXPECT_EQ(find_by_env(setting().key()), nullptr);
}

TEST_P(EverySetting, IsOneMemberOfSettings) {
  const Settings defaults = resolved_settings({});
  for (const char* text : samples().good) {
    EXPECT_EQ(differences(resolved_settings(by_flag(setting(), text)), defaults), 1U) << text;
  }
}

TEST_P(EverySetting, MeansTheSameFromEverySource) {
  for (const char* text : samples().good) {
    const Settings flag = resolved_settings(by_flag(setting(), text));
    EXPECT_TRUE(same(flag, resolved_settings(by_environment(setting(), text)))) << setting().env() << '=' << text;
    if (!setting().boolean()) {
      const std::vector<std::string> two{fmt::format("--{}", setting().flag), text};
      EXPECT_TRUE(same(flag, resolved_settings(parse_arguments(two).given))) << "as two arguments: " << text;
    }
    if (setting().in_job_file) {
      EXPECT_TRUE(same(flag, resolved_settings(by_job_file(setting(), text)))) << setting().key() << ": " << text;
    }
  }
}

TEST_P(EverySetting, IsTakenFromTheStrongestSource) {
  const auto& good = samples().good;
  const std::vector<Given> flag = by_flag(setting(), good[0]);
  const std::vector<Given> environment = by_environment(setting(), good[1]);
  const std::vector<Given> job_file =
      setting().in_job_file ? by_job_file(setting(), good[2]) : by_platform(setting(), good[2]);
  const std::vector<Given> platform = by_platform(setting(), good[3]);
  // In whatever order they are given.
  for (const auto& [given, strongest] :
       {std::pair{together({platform, job_file, environment, flag}), flag},
        std::pair{together({flag, environment, job_file, platform}), flag},
        std::pair{together({environment, platform, job_file}), environment},
        std::pair{together({platform, job_file}), job_file}, std::pair{platform, platform}}) {
    const Resolved resolved = resolve(given);
    EXPECT_THAT(resolved.problems, IsEmpty());
    EXPECT_TRUE(same(resolved.settings, resolved_settings(strongest)));
    const auto origin = resolved.origin.find(setting().flag);
    ASSERT_NE(origin, resolved.origin.end());
    EXPECT_EQ(origin->second.source, strongest.front().source);
    EXPECT_EQ(origin->second.where, strongest.front().where);
    EXPECT_EQ(origin->second.texts, strongest.front().texts);
  }
}

TEST_P(EverySetting, HasItsDefault) {
  const Resolved resolved = resolve({});
  const auto origin = resolved.origin.find(setting().flag);
  EXPECT_EQ(origin != resolved.origin.end(), !setting().default_value.empty());
  if (origin != resolved.origin.end()) {
    EXPECT_EQ(origin->second.source, Source::builtin);
    // What --help says is what it is.
    const std::string written(setting().default_value);
    EXPECT_TRUE(same(resolved.settings, resolved_settings(by_flag(setting(), written))));
  }
}

// A run that is refused for a bad value is still reported, by the best settings that there are.
TEST_P(EverySetting, ABadValueLeavesTheNextWeakerStanding) {
  if (samples().bad == nullptr) {
    return;
  }  // no text is bad
  const char* bad = samples().bad;
  struct Case {
    const char* name;
    std::vector<Given> bad;
    std::vector<Given> standing;  // empty: the default
  };
  std::vector<Case> cases{
      {"flag over environment", by_flag(setting(), bad), by_environment(setting(), samples().good[1])},
      {"flag over default", by_flag(setting(), bad), {}},
      {"environment over platform", by_environment(setting(), bad), by_platform(setting(), samples().good[3])},
      {"environment over default", by_environment(setting(), bad), {}},
  };
  if (setting().in_job_file) {
    cases.push_back(
        {"environment over job file", by_environment(setting(), bad), by_job_file(setting(), samples().good[2])});
    cases.push_back({"job file over default", by_job_file(setting(), bad), {}});
  }
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const Resolved resolved = resolve(together({one.standing, one.bad}));
    const Resolved expected = resolve(one.standing);
    ASSERT_EQ(resolved.problems.size(), 1U);
    EXPECT_THAT(resolved.problems.front(), testing::StartsWith(one.bad.front().where + ": "));
    EXPECT_TRUE(same(resolved.settings, expected.settings));
    ASSERT_EQ(resolved.origin.contains(setting().flag), expected.origin.contains(setting().flag));
    if (expected.origin.contains(setting().flag)) {
      EXPECT_EQ(resolved.origin.at(setting().flag).source, expected.origin.at(setting().flag).source);
    }
  }
}

TEST_P(EverySetting, ABadValueIsToldEvenWhereAStrongerSourceSpeaks) {
  if (samples().bad == nullptr) {
    return;
  }
  const Resolved resolved =
      resolve(together({by_flag(setting(), samples().good[0]), by_environment(setting(), samples().bad)}));
  EXPECT_THAT(resolved.problems, ElementsAre(testing::StartsWith(setting().env() + ": ")));
  EXPECT_TRUE(same(resolved.settings, resolved_settings(by_flag(setting(), samples().good[0]))));
}

TEST_P(EverySetting, IsExplained) {
  const std::string help = help_text();
  EXPECT_THAT(help, HasSubstr(fmt::format("\n  --{} {}", setting().flag, setting().placeholder)));
  EXPECT_THAT(help, HasSubstr(std::string(section_title(setting().section))));
  if (!setting().boolean() && !setting().default_value.empty()) {
    // The help is wrapped: compare without its line breaks.
    std::string flat;
    for (const std::string& word : split(help, " \n")) {
      flat += word + ' ';
    }
    EXPECT_THAT(flat, HasSubstr(fmt::format("(default {})", setting().default_value)));
  }
  const std::string explained = explain_text(resolve(by_environment(setting(), samples().good[0])));
  EXPECT_THAT(explained,
              testing::ContainsRegex(fmt::format("(^|\n){} [^\n]*environment: {}\n", setting().flag, setting().env())));
}

TEST_P(EverySetting, NeedsAValueUnlessItIsASwitch) {
  const std::string flag = fmt::format("--{}", setting().flag);
  const Arguments bare = parse_arguments(std::vector{flag});
  const Arguments negated = parse_arguments(std::vector{fmt::format("--no-{}", setting().flag)});
  if (setting().boolean()) {
    EXPECT_TRUE(same(resolved_settings(bare.given), resolved_settings(by_flag(setting(), "true"))));
    EXPECT_TRUE(same(resolved_settings(together({by_environment(setting(), "true"), negated.given})),
                     resolved_settings(by_flag(setting(), "false"))));
    const Arguments followed = parse_arguments(std::vector<std::string>{flag, "false"});
    EXPECT_THAT(followed.operands, ElementsAre("false")) << "a switch takes no word away from the command";
  } else {
    EXPECT_THAT(bare.problems, ElementsAre(testing::AllOf(HasSubstr(flag), HasSubstr("needs a value"))));
    EXPECT_EQ(negated.problems.size(), 1U);
    EXPECT_THAT(negated.given, IsEmpty());
  }
}

TEST_P(EverySetting, SetButEmptyIsNotSet) {
  const Parsed parsed = parse_environment(std::vector{setting().env() + "="});
  EXPECT_THAT(parsed.given, IsEmpty());
  EXPECT_THAT(parsed.problems, IsEmpty());
}

// ---- defaults, by value ---------------------------------------------------------------------------------------------

TEST(Settings, Defaults) {
  const Settings settings = resolved_settings({});
  EXPECT_THAT(settings.command, IsEmpty());
  EXPECT_EQ(settings.job_file + settings.name, "");
  EXPECT_EQ(settings.timeout, 0s);
  EXPECT_EQ(settings.stop_signal.number, SIGTERM);
  EXPECT_EQ(settings.stop_grace, 10s);
  EXPECT_EQ(settings.report_reserve, 2s);
  EXPECT_EQ(settings.leftover_grace, 1s);
  EXPECT_EQ(settings.drain_timeout, 5s);
  EXPECT_THAT(settings.success_codes, ElementsAre(0));
  EXPECT_THAT(settings.exit_code, IsEmpty());
  EXPECT_THAT(settings.remap_exit, IsEmpty());
  EXPECT_EQ(settings.deadline, std::nullopt);
  EXPECT_EQ(settings.retries, 0U);
  EXPECT_THAT(settings.retry_on.codes, IsEmpty());
  EXPECT_THAT(settings.retry_on.causes,
              testing::UnorderedElementsAre("failed", "signaled", "timeout", "idle_timeout", "cpu_limit", "watchdog",
                                            "memory_limit", "oom_killed"));
  EXPECT_EQ(settings.retry_backoff, 1s);
  EXPECT_EQ(settings.retry_backoff_max, 1min);
  EXPECT_EQ(settings.before_timeout, 5min);
  EXPECT_EQ(settings.after_timeout, 30s);
  EXPECT_EQ(settings.oom_score_adj, 500);
  EXPECT_EQ(settings.tail, 65536U);
  EXPECT_EQ(settings.log_format, LogFormat::raw);
  EXPECT_EQ(settings.log_time, LogTime::microseconds);
  EXPECT_EQ(settings.log_color, Colours::automatic);
  EXPECT_EQ(settings.log_max_line, 262144U);
  EXPECT_THAT(settings.report_to, IsEmpty());
  EXPECT_EQ(settings.report_timeout, 5s);
  EXPECT_FALSE(settings.report_required);
  EXPECT_FALSE(settings.quiet);
}

// ---- arguments ------------------------------------------------------------------------------------------------------

struct Line {
  const char* name;
  std::vector<std::string> arguments;
  std::vector<std::string> operands;
  std::vector<std::string> given;  // "flag=text,text"
  friend void PrintTo(const Line& line, std::ostream* out) { *out << line.name; }
};

class CommandLine : public testing::TestWithParam<Line> {};

TEST_P(CommandLine, IsParsed) {
  const Line& line = GetParam();
  const Arguments parsed = parse_arguments(line.arguments);
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.operands, line.operands);
  std::vector<std::string> given;
  for (const Given& one : parsed.given) {
    given.push_back(fmt::format("{}={}", one.setting->flag, fmt::join(one.texts, ",")));
  }
  EXPECT_EQ(given, line.given);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, CommandLine,
    testing::Values(
        Line{"nothing", {}, {}, {}}, Line{"command alone", {"ls", "-l", "--timeout"}, {"ls", "-l", "--timeout"}, {}},
        Line{"dashes, then a command", {"--", "--quiet", "--"}, {"--quiet", "--"}, {}},
        Line{"options end at the command", {"--quiet", "ls", "--tail", "1"}, {"ls", "--tail", "1"}, {"quiet=true"}},
        Line{"a dash is a command", {"-", "x"}, {"-", "x"}, {}},
        Line{"an empty word is a command", {"", "x"}, {"", "x"}, {}},
        Line{"value after a blank", {"--timeout", "5s", "ls"}, {"ls"}, {"timeout=5s"}},
        Line{"value after an equals sign", {"--timeout=5s", "ls"}, {"ls"}, {"timeout=5s"}},
        Line{"value with an equals sign", {"--name=a=b"}, {}, {"name=a=b"}},
        Line{"value that looks like an option", {"--name", "--quiet"}, {}, {"name=--quiet"}},
        Line{"the last one counts", {"--timeout=5s", "--timeout=6s"}, {}, {"timeout=6s"}},
        Line{"repeatable adds up", {"--success-codes=0,3", "--success-codes", "4 5"}, {}, {"success-codes=0,3,4,5"}},
        Line{"a comma belongs to a sink", {"--report-to=file:/a,b"}, {}, {"report-to=file:/a,b"}},
        Line{"switch off", {"--no-quiet"}, {}, {"quiet=false"}},
        Line{"switch with a value", {"--quiet=off"}, {}, {"quiet=off"}}),
    test::kRowName);

TEST(Settings, HelpAndVersion) {
  for (const char* flag : {"--help", "-h"}) {
    EXPECT_TRUE(parse_arguments(std::vector<std::string>{flag}).help);
  }
  for (const char* flag : {"--version", "-V"}) {
    EXPECT_TRUE(parse_arguments(std::vector<std::string>{flag}).version);
  }
  const Arguments jobs_own = parse_arguments(std::vector<std::string>{"ls", "--help", "-V"});
  EXPECT_FALSE(jobs_own.help || jobs_own.version);
}

TEST(Settings, UnknownNamesNameTheNearest) {
  const auto problems_of = [](const char* argument) {
    return parse_arguments(std::vector<std::string>{argument}).problems;
  };
  EXPECT_THAT(problems_of("--timeuot=5s"), ElementsAre("--timeuot: no such option; did you mean --timeout?"));
  EXPECT_THAT(problems_of("--stop_grace=5s"), ElementsAre("--stop_grace: no such option; did you mean --stop-grace?"));
  EXPECT_THAT(problems_of("--hepl"), ElementsAre("--hepl: no such option; did you mean --help?"));
  EXPECT_THAT(problems_of("--xyzzyxyzzy"), ElementsAre("--xyzzyxyzzy: no such option; see jobinit --help"));
  EXPECT_THAT(problems_of("-t"), ElementsAre("-t: no such option; see jobinit --help"));
  EXPECT_THAT(problems_of("--no-quiet=true"), ElementsAre(HasSubstr("no such option")));
  EXPECT_THAT(parse_environment(std::vector<std::string>{"JOBINIT_TIMEUOT=5s"}).problems,
              ElementsAre("JOBINIT_TIMEUOT: no such setting; did you mean JOBINIT_TIMEOUT?"));
}

// ---- environment ----------------------------------------------------------------------------------------------------

TEST(Settings, OnlyOwnVariablesAreRead) {
  const Parsed parsed = parse_environment(
      std::vector<std::string>{"PATH=/bin", "TIMEOUT=5s", "MYJOBINIT_TIMEOUT=5s", "jobinit_timeout=5s", "JOBINIT=5s"});
  EXPECT_THAT(parsed.given, IsEmpty());
  EXPECT_THAT(parsed.problems, IsEmpty());
}

// A service or a linked container named "jobinit-..." puts variables into every pod that look like ours.
TEST(Settings, ServiceLinksAreNoMistakes) {
  EXPECT_THAT(
      parse_environment(std::vector<std::string>{
                            "JOBINIT_GATEWAY_SERVICE_HOST=10.0.0.1", "JOBINIT_GATEWAY_SERVICE_PORT=80",
                            "JOBINIT_GATEWAY_SERVICE_PORT_HTTP=80", "JOBINIT_GATEWAY_PORT=tcp://10.0.0.1:80",
                            "JOBINIT_GATEWAY_PORT_80_TCP=tcp://10.0.0.1:80", "JOBINIT_GATEWAY_PORT_80_TCP_PROTO=tcp",
                            "JOBINIT_GATEWAY_PORT_80_TCP_PORT=80", "JOBINIT_GATEWAY_PORT_80_TCP_ADDR=10.0.0.1"})
          .problems,
      IsEmpty());
  const std::vector<std::string> mistakes{"JOBINIT_PORT=80", "JOBINIT_REPORT_PORT=", "JOBINIT_PORT_X=1",
                                          "JOBINIT_HOST=10.0.0.1"};
  EXPECT_EQ(parse_environment(mistakes).problems.size(), mistakes.size());
}

TEST(Settings, TheFirstOfTwoVariablesCountsAsWithGetenv) {
  const Parsed parsed = parse_environment(std::vector<std::string>{"JOBINIT_NAME=first", "JOBINIT_NAME=second"});
  EXPECT_EQ(resolved_settings(parsed.given).name, "first");
}

// ---- all problems at once -------------------------------------------------------------------------------------------

TEST(Settings, ProblemsAreCollected) {
  const Arguments arguments = parse_arguments(
      std::vector<std::string>{"--timeout=soon", "--frobnicate", "--tail=much", "--quiet", "--success-codes=1,x,300"});
  EXPECT_EQ(arguments.problems.size(), 1U);
  const Resolved resolved = resolve(arguments.given);
  EXPECT_THAT(resolved.problems, testing::UnorderedElementsAre(HasSubstr("soon"), HasSubstr("much"), HasSubstr("\"x\""),
                                                               HasSubstr("300")));
  EXPECT_TRUE(resolved.settings.quiet) << "what is good is in force all the same";
  EXPECT_THAT(resolved.settings.success_codes, ElementsAre(0)) << "half of a list is no list";
}

TEST(Settings, ABadReportTimeoutLeavesTheDefault) {
  const Resolved resolved = resolve(parse_environment(std::vector<std::string>{"JOBINIT_REPORT_TIMEOUT=abc"}).given);
  EXPECT_EQ(resolved.settings.report_timeout, 5s);
  EXPECT_EQ(resolved.origin.at("report-timeout").source, Source::builtin);
  EXPECT_THAT(resolved.problems, ElementsAre(HasSubstr("JOBINIT_REPORT_TIMEOUT: \"abc\" is not a duration")));
}

TEST(Settings, CausesAreNamedInProblems) {
  const auto problem = [](const char* text) {
    return resolve(by_flag(*find_by_flag("exit-code"), text)).problems.at(0);
  };
  EXPECT_THAT(problem("tiemout=75"), HasSubstr("did you mean timeout?"));
  EXPECT_THAT(problem("xyzzyxyzzy=75"), HasSubstr("the causes are success, failed, "));
  EXPECT_THAT(problem("timeout"), HasSubstr("timeout=75"));
  EXPECT_THAT(problem("timeout=256"), HasSubstr("\"256\" is not an exit code"));
}

// ---- the command ----------------------------------------------------------------------------------------------------

TEST(Settings, CommandIsAnArrayOrALine) {
  const Setting& command = *find_by_flag("command");
  for (const auto& [text, expected] : std::vector<std::pair<const char*, std::vector<std::string>>>{
           {R"(["python3", "import.py"])", {"python3", "import.py"}},
           {" [\"a b\", \"\", \"ü\"] ", {"a b", "", "ü"}},
           {"./import --full | tee log", {"/bin/sh", "-c", "./import --full | tee log"}},
           {"test [ -f x ]", {"/bin/sh", "-c", "test [ -f x ]"}}}) {
    EXPECT_EQ(resolved_settings(by_environment(command, text)).command, expected);
  }
  for (const char* text : {"[]", "[1]", "[\"a\", 1]", "[\"a\"", "[ -f x ] && ./import", "[[\"a\"]]"}) {
    EXPECT_THAT(resolve(by_environment(command, text)).problems, ElementsAre(HasSubstr("JSON array"))) << text;
  }
  EXPECT_THAT(resolve(by_environment(command, "  ")).problems, ElementsAre(HasSubstr("the command is empty")));
}

// ---- credentials ----------------------------------------------------------------------------------------------------

TEST(Settings, ExplainMasksCredentials) {
  const std::vector<std::string> sinks{"pushgateway+https://user:s3cret@host/region/eu"};
  for (const auto& given :
       {by_flag(*find_by_flag("report-to"), sinks[0]), by_environment(*find_by_flag("report-to"), sinks[0]),
        by_job_file(*find_by_flag("report-to"), sinks)}) {
    const std::string text = explain_text(resolve(given));
    EXPECT_THAT(text, HasSubstr("pushgateway+https://***@host/region/eu"));
    EXPECT_THAT(text, Not(HasSubstr("s3cret")));
  }
}

TEST(Settings, ExplainTellsEverySettingOnce) {
  const std::string text = explain_text(resolve({}));
  const auto lines = split(text, "\n");
  ASSERT_EQ(lines.size(), settings_table().size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Setting& setting = settings_table()[i];
    EXPECT_THAT(lines[i], testing::StartsWith(std::string(setting.flag)));
    EXPECT_THAT(lines[i], testing::EndsWith(setting.default_value.empty() ? "not set" : "default"));
  }
}

}  // namespace
}  // namespace jobinit::cli
