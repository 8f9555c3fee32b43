// The job file: baked into an image or mounted by whoever may, so anything can be in it.
#include "jobinit/job/job_file.hpp"
#include "jobinit/job/parameters.hpp"
#include "properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jobinit;
  const job::JobFile parsed = job::parse_job_file(std::string(fuzz::as_text(data, size)), "job.json");
  for (const std::string& problem : parsed.problems) {
    fuzz::require(problem.find("job.json") != std::string::npos, "a problem names the file");
    fuzz::require(problem.find('\n') == std::string::npos, "a problem is one line");
    fuzz::require(valid_utf8(problem) == problem, "a problem can be put into a report");
  }
  for (const cli::Given& given : parsed.given) {
    fuzz::require(given.setting != nullptr && given.setting->in_job_file, "what is given can be set in a job file");
  }
  fuzz::require_sane(cli::resolve(parsed.given));
  if (!parsed.problems.empty()) {
    return 0;
  }
  // What the file's own check lets through can be used.
  for (const job::Parameter& parameter : parsed.parameters) {
    fuzz::require(!job::constraints_of(parameter).empty(), "a parameter can be described");
  }
  job::Sources sources;
  sources.facts = {{"platform.name", "none"}};
  const job::Assignments assigned = job::assign(parsed.parameters, sources);
  fuzz::require(assigned.all.size() == parsed.parameters.size(), "every parameter has its place");
  for (const job::Assigned& one : assigned.all) {
    fuzz::require(!one.value || one.value->text.find('\0') == std::string::npos, "a value can be a variable");
  }
  return 0;
}
