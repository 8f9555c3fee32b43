#include "parameters.hpp"

#include <algorithm>

#include "jobinit/base/environment.hpp"
#include "jobinit/job/interpolate.hpp"
#include "jobinit/job/payload.hpp"

namespace jobinit::commands {
namespace {

std::string where(const Gathered& gathered, std::string_view flag) {
  const auto origin = gathered.resolved.origin.find(flag);
  return origin == gathered.resolved.origin.end() ? fmt::format("--{}", flag) : origin->second.where;
}

std::string number_text(const std::optional<std::uint64_t>& number) { return number ? fmt::format("{}", *number) : ""; }

std::map<std::string, std::string> facts_of(const Gathered& gathered) {
  const cli::Settings& settings = gathered.resolved.settings;
  return {{"platform.name", gathered.platform.name},
          {"platform.job", gathered.platform.job_name},
          {"platform.index", number_text(settings.index)},
          {"platform.count", number_text(settings.count)},
          {"platform.attempt", number_text(gathered.platform.attempt)}};
}

void add_payload(const std::string& text, std::string place, std::vector<job::Payload>& payloads,
                 std::vector<std::string>& problems) {
  if (text.empty()) {
    return;
  }
  auto payload = job::read_payload(text, std::move(place));
  if (payload) {
    payloads.push_back(std::move(*payload));
  } else {
    problems.push_back(payload.failure().message);
  }
}

std::vector<job::Payload> payloads_of(const Gathered& gathered, std::span<const std::string> environment,
                                      std::vector<std::string>& problems) {
  const cli::Settings& settings = gathered.resolved.settings;
  std::vector<job::Payload> payloads;
  add_payload(settings.params, where(gathered, "params"), payloads, problems);
  if (!settings.params_file.empty()) {
    const auto content = kernel::read_file(settings.params_file);
    if (content) {
      add_payload(*content, settings.params_file, payloads, problems);
    } else {
      problems.push_back(fmt::format("{}: {}", where(gathered, "params-file"), content.failure().message));
    }
  }
  if (!settings.params_env.empty()) {
    add_payload(std::string(lookup(environment, settings.params_env).value_or("")), settings.params_env, payloads,
                problems);
  }
  return payloads;
}

// Puts parameters into texts; every problem is the gathered one's.
class Filling {
 public:
  Filling(Gathered& gathered, std::span<const std::string> environment)
      : gathered_(gathered),
        facts_(facts_of(gathered)),
        environment_(job::job_environment(gathered.resolved.settings, environment, gathered.identity)),
        scope_(job::Assignments::scope(gathered.parameters, facts_, environment_)),
        names_(gathered.parameters.names()) {}
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;

  std::optional<job::Interpolated> text(const std::string& from, const std::string& place, job::Use use) {
    auto done = job::interpolate(from, scope_, use, names_);
    if (!done) {
      gathered_.problems.push_back(fmt::format("{}: {}", place, done.failure().message));
      return std::nullopt;
    }
    return std::move(*done);
  }

  // A sink that fills in fields of the report by itself: the parameters alone are ours.
  std::optional<job::Interpolated> sink_template(const std::string& from, const std::string& place) {
    const job::Scope ours = [&](std::string_view name) {
      const bool declared = std::find(names_.begin(), names_.end(), name) != names_.end();
      return declared ? scope_(name) : job::Meaning();
    };
    auto done = job::interpolate_template(from, ours, job::Use::url);
    if (!done) {
      gathered_.problems.push_back(fmt::format("{}: {}", place, done.failure().message));
      return std::nullopt;
    }
    return std::move(*done);
  }

  void setting(std::string_view flag, std::string& value) {
    if (auto done = text(value, where(gathered_, flag), job::Use::shown)) {
      value = std::move(done->text);
    }
  }

  std::vector<std::string> arguments(const std::vector<std::string>& words, const std::string& place, job::Use use) {
    auto done = job::interpolate_arguments(words, scope_, use, names_);
    if (!done) {
      gathered_.problems.push_back(fmt::format("{}: {}", place, done.failure().message));
      return words;
    }
    return std::move(*done);
  }

 private:
  Gathered& gathered_;
  std::map<std::string, std::string> facts_;
  std::vector<std::string> environment_;
  job::Scope scope_;
  std::vector<std::string_view> names_;
};

void fill_sinks(Gathered& gathered, Filling& filling) {
  std::vector<std::string> filled;
  for (const std::string& sink : gathered.resolved.settings.report_to) {
    const bool url = sink.find("://") != std::string::npos;
    const std::string place = where(gathered, "report-to");
    if (auto done = sink.starts_with("webhook+") ? filling.sink_template(sink, place)
                                                 : filling.text(sink, place, url ? job::Use::url : job::Use::plain)) {
      filled.push_back(std::move(done->text));
    }
  }
  gathered.resolved.settings.report_to = std::move(filled);
}

}  // namespace

void assign_parameters(Gathered& gathered, std::span<const std::string> environment) {
  if (!gathered.job_file.references) {
    return;
  }
  cli::Settings& settings = gathered.resolved.settings;
  job::Sources sources;
  sources.environment = environment;
  std::vector<std::string> unread;
  sources.payloads = payloads_of(gathered, environment, unread);
  sources.facts = facts_of(gathered);
  sources.index = settings.index;
  sources.count = settings.count;
  sources.surroundings.now = gathered.now;
  // Where the folder depends on parameters, it is not known yet.
  sources.surroundings.folder = settings.chdir.find('$') == std::string::npos ? settings.chdir : "";
  gathered.parameters = job::assign(gathered.job_file.parameters, sources);
  gathered.parameters.problems.insert(gathered.parameters.problems.begin(), unread.begin(), unread.end());
  never_tell(gathered.parameters.secrets);
  Filling filling(gathered, environment);
  filling.setting("name", settings.name);
  fill_sinks(gathered, filling);
}

void take_parameters(Gathered& gathered, std::span<const std::string> environment) {
  cli::Settings& settings = gathered.resolved.settings;
  gathered.shown_command = settings.command;
  if (!gathered.job_file.references) {
    for (const std::string_view flag : {"params", "params-file", "params-env"}) {
      if (gathered.resolved.origin.contains(flag)) {
        gathered.problems.push_back(
            fmt::format("{}: the job file declares no parameters that it could be for", where(gathered, flag)));
      }
    }
    return;
  }
  gathered.problems.insert(gathered.problems.end(), gathered.parameters.problems.begin(),
                           gathered.parameters.problems.end());
  if (!gathered.parameters.problems.empty()) {
    return;  // what would be put into the command is not known
  }
  Filling filling(gathered, environment);
  gathered.shown_command = filling.arguments(settings.command, "the command", job::Use::masked);
  settings.command = filling.arguments(settings.command, "the command", job::Use::argument);
  settings.before = filling.arguments(settings.before, where(gathered, "before"), job::Use::argument);
  settings.after = filling.arguments(settings.after, where(gathered, "after"), job::Use::argument);
  filling.setting("chdir", settings.chdir);
  gathered.handover = job::hand_over(gathered.parameters, settings.params_to, gathered.problems);
  std::vector<std::string> derived;
  for (const job::Variable& variable : gathered.job_file.environment) {
    if (auto done = filling.text(variable.text, variable.where, job::Use::plain)) {
      if (done->secret) {
        derived.push_back(done->text);
      }
      gathered.handover.add(variable.name, std::move(done->text));
    }
  }
  never_tell(derived);
  std::move(derived.begin(), derived.end(), std::back_inserter(gathered.parameters.secrets));
}

}  // namespace jobinit::commands
