// jobinit schema report, jobinit schema job, and jobinit version.
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/report/report.hpp"
#include "jobinit/report/version.hpp"

namespace jobinit::commands {

using namespace std::chrono_literals;

int schema(const Invocation& invocation) {
  const std::string of = invocation.arguments.size() == 1 ? invocation.arguments.front() : "";
  if (of == "report") {
    return kernel::write_patiently(1, report::report_schema(), 10s) ? 0 : 125;
  }
  if (of == "job") {
    return kernel::write_patiently(1, job::job_schema(), 10s) ? 0 : 125;
  }
  tell("schema: of what? There are: jobinit schema report, jobinit schema job");
  return 125;
}

int version(const Invocation& /*invocation*/) {
  return kernel::write_patiently(1, fmt::format("jobinit {}\n", report::kVersion), 10s) ? 0 : 125;
}

}  // namespace jobinit::commands
