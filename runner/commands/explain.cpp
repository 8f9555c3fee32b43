// jobinit explain: every setting, its value and where that came from.
#include "jobinit/cli/help.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/fd.hpp"

namespace jobinit::commands {

int explain(const Invocation& invocation) {
  Gathered gathered = gather(invocation);
  check_launch(gathered);
  take_operands_as_command(gathered);
  if (gathered.arguments.help) {
    return kernel::write_patiently(1, cli::help_text(), std::chrono::seconds(10)) ? 0 : 125;
  }
  const std::string text =
      fmt::format("{:<19} {}\n{}", "platform", gathered.platform.name, cli::explain_text(gathered.resolved));
  kernel::write_patiently(1, text, std::chrono::seconds(10));
  for (const std::string& problem : gathered.problems) {
    tell(problem);
  }
  return gathered.problems.empty() ? 0 : 125;
}

}  // namespace jobinit::commands
