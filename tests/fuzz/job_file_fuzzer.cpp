// The job file: baked into an image or mounted by whoever may, so anything can be in it.
#include "jobinit/job/job_file.hpp"
#include "properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace jobinit;
  const cli::Parsed parsed = job::parse_job_file(std::string(fuzz::as_text(data, size)), "job.json");
  for (const std::string& problem : parsed.problems) {
    fuzz::require(problem.find("job.json") != std::string::npos, "a problem names the file");
    fuzz::require(valid_utf8(problem) == problem, "a problem can be put into a report");
  }
  for (const cli::Given& given : parsed.given) {
    fuzz::require(given.setting != nullptr && given.setting->in_job_file, "what is given can be set in a job file");
  }
  fuzz::require_sane(cli::resolve(parsed.given));
  return 0;
}
