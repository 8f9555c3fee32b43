#include "jobinit/commands/gather.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/cli/check.hpp"
#include "jobinit/job/job_file.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/process.hpp"
#include "jobinit/report/version.hpp"
#include "parameters.hpp"

namespace jobinit::commands {
namespace {

using cli::Given;
using cli::Source;

void take(cli::Parsed parsed, std::vector<Given>& given, std::vector<std::string>& problems) {
  std::move(parsed.given.begin(), parsed.given.end(), std::back_inserter(given));
  std::move(parsed.problems.begin(), parsed.problems.end(), std::back_inserter(problems));
}

// The job file's own place can only come from the flag or the environment.
std::string job_file_path(const std::vector<Given>& given) {
  std::string path;
  Source strongest = Source::builtin;
  for (const Given& one : given) {
    if (one.setting->flag == "job" && one.source >= strongest && !one.texts.empty()) {
      path = one.texts.front();
      strongest = one.source;
    }
  }
  return path;
}

std::vector<Given> platform_defaults(const platform::Platform& platform) {
  std::vector<Given> given;
  const auto add = [&](std::string_view flag, std::vector<std::string> texts) {
    given.push_back({Source::platform, platform.name, cli::find_by_flag(flag), std::move(texts)});
  };
  if (platform.stop_grace) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(*platform.stop_grace);
    add("stop-grace", {fmt::format("{}s", whole.count())});
  }
  if (!platform.report_to.empty()) {
    add("report-to", platform.report_to);
  }
  if (platform.index) {
    add("index", {fmt::format("{}", *platform.index)});
  }
  if (platform.count) {
    add("count", {fmt::format("{}", *platform.count)});
  }
  return given;
}

void parse_sinks(Gathered& gathered) {
  const auto origin = gathered.resolved.origin.find("report-to");
  const std::string where = origin == gathered.resolved.origin.end() ? "report-to" : origin->second.where;
  for (const std::string& text : gathered.resolved.settings.report_to) {
    auto sink = deliver::parse_sink(text);
    if (!sink) {
      gathered.problems.push_back(fmt::format("{}: {}", where, sink.failure().message));
      continue;
    }
    gathered.sinks.push_back(std::move(*sink));
    gathered.sink_texts.push_back(text);
  }
}

std::string where(const cli::Resolved& resolved, std::string_view flag) {
  const auto origin = resolved.origin.find(flag);
  return origin == resolved.origin.end() ? fmt::format("--{}", flag) : origin->second.where;
}

void find_identity(Gathered& gathered) {
  const cli::Settings& settings = gathered.resolved.settings;
  const kernel::Ids own = kernel::own_ids();
  job::FoundIdentity found = job::find_identity(settings.user, settings.group, own);
  for (const job::IdentityProblem& problem : found.problems) {
    gathered.problems.push_back(fmt::format("{}: {}", where(gathered.resolved, problem.setting), problem.message));
  }
  gathered.identity = std::move(found.identity);
  const auto& user = gathered.identity.user;
  if (user && *user != own.user && kernel::may_change_user_but_not_signal()) {
    gathered.problems.push_back(
        fmt::format("{}: jobinit could start the job as user {}, but not end it: it has CAP_SETUID, but not CAP_KILL",
                    where(gathered.resolved, "user"), *user));
  }
}

void take_settings(const Invocation& invocation, Gathered& gathered, std::vector<Given>& given) {
  take(cli::parse_environment(invocation.environment), given, gathered.problems);
  gathered.job_file = job::load_job_file(job_file_path(given));
  take(std::move(static_cast<cli::Parsed&>(gathered.job_file)), given, gathered.problems);
}

// By another init's name jobinit may have one by its own below it (`docker run --init` and an image whose ENTRYPOINT is
// jobinit) or above. The settings are that one's: to obey them twice is to report twice.
bool is_someone_elses(const Invocation& invocation, const std::vector<std::string>& command) {
  return (!command.empty() && cli::is_jobinit(command.front())) || lookup(invocation.environment, "JOBINIT_RUN_ID");
}

// /proc/PID/cmdline is open to everybody, the job included, and shows this memory (proc(5)).
void hide_credentials(const std::vector<cli::Place>& places, std::span<char* const> raw) {
  for (const cli::Place& place : places) {
    if (place.argument < raw.size()) {
      char* const start = raw[place.argument] + place.letter;
      std::fill_n(start, std::strlen(start), '*');
    }
  }
}

// What tell() keeps to.
std::chrono::milliseconds patience = std::chrono::seconds(1);
std::optional<std::chrono::steady_clock::time_point> last_moment;
std::vector<std::string> untold;  // secrets

std::string line(const std::string& text) {
  return fmt::format("jobinit: {}\n", untold.empty() ? text : mask_secrets(text, untold));
}

}  // namespace

Gathered gather(const Invocation& invocation) {
  Gathered gathered;
  if (const cli::Peer* peer = cli::find_peer(invocation.program)) {
    gathered.drop_in.emplace(DropIn{peer->read({invocation.program, invocation.arguments, invocation.environment,
                                                kernel::own_pid(), report::kVersion}),
                                    peer});
    gathered.arguments = gathered.drop_in->arguments;
  } else {
    gathered.arguments = cli::parse_arguments(invocation.arguments);
  }
  gathered.problems = gathered.arguments.problems;
  hide_credentials(gathered.arguments.credentials, invocation.raw_arguments);
  gathered.platform = platform::detect(invocation.environment);
  std::vector<Given> given = gathered.arguments.given;
  if (!gathered.drop_in) {
    take_settings(invocation, gathered, given);
  } else if (!is_someone_elses(invocation, gathered.arguments.operands)) {
    const std::size_t before = given.size();
    take_settings(invocation, gathered, given);
    gathered.drop_in->asked = given.size() > before || !gathered.problems.empty() || gathered.job_file.references;
  }
  if (!gathered.drop_in || gathered.drop_in->asked) {
    const std::vector<Given> defaults = platform_defaults(gathered.platform);
    given.insert(given.end(), defaults.begin(), defaults.end());
  }
  gathered.resolved = cli::resolve(std::move(given));
  std::move(gathered.resolved.problems.begin(), gathered.resolved.problems.end(),
            std::back_inserter(gathered.problems));
  for (std::string& problem : cli::contradictions(gathered.resolved.settings, gathered.now)) {
    gathered.problems.push_back(std::move(problem));
  }
  assign_parameters(gathered, invocation.environment);
  parse_sinks(gathered);
  return gathered;
}

void check_launch(Gathered& gathered) {
  const cli::Settings& settings = gathered.resolved.settings;
  if (!settings.user.empty() || !settings.group.empty()) {
    find_identity(gathered);
  }
  const auto clear = gathered.resolved.origin.find("env-clear");
  const bool never_mentioned = clear == gathered.resolved.origin.end() || clear->second.source == Source::builtin;
  if (!settings.env_keep.empty() && never_mentioned) {
    gathered.problems.push_back(fmt::format("{}: keeps nothing without --env-clear: the job gets all variables anyhow",
                                            where(gathered.resolved, "env-keep")));
  }
}

void check_command(Gathered& gathered) {
  const std::vector<std::string>& command = gathered.resolved.settings.command;
  const bool none_needed = gathered.drop_in && gathered.drop_in->habits.pause;
  if (command.empty() && !none_needed && gathered.problems.empty()) {
    gathered.problems.emplace_back(
        "no command: give one after --, in JOBINIT_COMMAND, or as \"command\" in the job file; see jobinit --help");
  } else if (!command.empty() && command.front().empty()) {
    gathered.problems.emplace_back("the command's name is empty");
  }
}

std::string take_operands_as_command(Gathered& gathered) {
  const std::vector<std::string>& operands = gathered.arguments.operands;
  if (operands.empty()) {
    return "";
  }
  cli::Given& origin = gathered.resolved.origin["command"];
  if (origin.setting != nullptr) {
    auto& overrode = gathered.resolved.overrode[origin.setting->flag];
    overrode.insert(overrode.begin(), origin);
  }
  std::string unused = std::exchange(origin.where, "the arguments");
  origin = {cli::Source::flag, origin.where, cli::find_by_flag("command"), operands};
  gathered.resolved.settings.command = operands;
  return unused;
}

deliver::ProcessOptions process_options(const Gathered& gathered, std::span<const std::string> environment) {
  const cli::Settings& settings = gathered.resolved.settings;
  deliver::ProcessOptions options;
  options.environment.assign(environment.begin(), environment.end());
  options.tls = {settings.ca_file, settings.client_cert, settings.client_key};
  return options;
}

void tell_deliveries(const cli::Settings& settings, const std::vector<deliver::Delivery>& deliveries) {
  if (!settings.verbose) {
    return;
  }
  for (const deliver::Delivery& one : deliveries) {
    std::string text =
        fmt::format("{} to {}: {}", event_name(one.event), one.sink, one.delivered ? "delivered" : "not delivered");
    if (one.status != 0) {
      text += fmt::format(", HTTP status {}", one.status);
    }
    if (one.tries > 0) {
      const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(one.took);
      text += fmt::format(", {} {}, {} ms", one.tries, one.tries == 1 ? "try" : "tries", took.count());
    }
    tell(one.detail.empty() ? text : fmt::format("{}: {}", text, one.detail));
  }
}

void tell(const std::string& text) {
  using std::chrono::milliseconds;
  milliseconds this_time = patience;
  if (last_moment) {
    const auto left = std::chrono::duration_cast<milliseconds>(*last_moment - std::chrono::steady_clock::now());
    this_time = std::clamp(left, milliseconds(0), patience);
  }
  // A reader that stood still once is not waited for again: each line's patience would add up.
  if (!kernel::write_patiently(2, line(text), this_time)) {
    patience = {};
  }
}

void tell_at_once(const std::string& text) { kernel::write_patiently(2, line(text), std::chrono::milliseconds(0)); }

void never_tell(std::span<const std::string> secrets) {
  std::vector<std::string> forms = job::with_encodings(secrets);
  std::move(forms.begin(), forms.end(), std::back_inserter(untold));
}

void hurry(std::chrono::steady_clock::time_point not_later_than) { last_moment = not_later_than; }

}  // namespace jobinit::commands
