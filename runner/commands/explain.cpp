// jobinit explain: every setting, its value and where that came from.
#include "jobinit/base/printable.hpp"
#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::commands {
namespace {

// A web hook's path is a password, which the sinks know and a table of settings does not.
void mask_sinks(Gathered& gathered) {
  const auto origin = gathered.resolved.origin.find("report-to");
  if (origin == gathered.resolved.origin.end()) {
    return;
  }
  for (std::string& text : origin->second.texts) {
    const auto sink = deliver::parse_sink(text);
    const std::size_t scheme = text.find(':');
    if (sink) {
      text = sink->shown;
    } else {
      text = scheme == std::string::npos ? "***" : text.substr(0, scheme) + ":***";
    }
  }
}

}  // namespace

namespace {

std::string parameters_text(const job::Assignments& parameters) {
  std::string text = parameters.all.empty() ? "" : "\nparameters\n";
  for (const job::Assigned& one : parameters.all) {
    text += cli::explain_line(one.parameter->name, one.value ? printable(job::shown(one)) : "-",
                              one.where.empty() ? "not set" : one.where, one.overrode);
  }
  return text;
}

}  // namespace

int explain(const Invocation& invocation) {
  Gathered gathered = gather(invocation);
  take_operands_as_command(gathered);
  check_launch(gathered);
  take_parameters(gathered, invocation.environment);
  if (gathered.arguments.help) {
    return kernel::write_patiently(1, cli::help_text(), std::chrono::seconds(10)) ? 0 : 125;
  }
  mask_sinks(gathered);
  const std::string text =
      fmt::format("{:<19} {}\n{}", "platform", gathered.platform.name, cli::explain_text(gathered.resolved));
  kernel::write_patiently(1, text + parameters_text(gathered.parameters), std::chrono::seconds(10));
  for (const std::string& problem : gathered.problems) {
    tell(problem);
  }
  return gathered.problems.empty() ? 0 : 125;
}

}  // namespace jobinit::commands
