// jobinit schema report, and jobinit version.
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/report/report.hpp"
#include "jobinit/report/version.hpp"

namespace jobinit::commands {

using namespace std::chrono_literals;

int schema(const Invocation& invocation) {
  if (invocation.arguments.size() != 1 || invocation.arguments.front() != "report") {
    tell("schema: of what? There is: jobinit schema report");
    return 125;
  }
  return kernel::write_patiently(1, report::report_schema(), 10s) ? 0 : 125;
}

int version(const Invocation& /*invocation*/) {
  return kernel::write_patiently(1, fmt::format("jobinit {}\n", report::kVersion), 10s) ? 0 : 125;
}

}  // namespace jobinit::commands
