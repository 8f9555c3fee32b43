// Payloads: whoever may send an event chooses what is in it.
#include "jobinit/job/job_file.hpp"
#include "jobinit/job/job_spec.hpp"
#include "jobinit/job/parameters.hpp"
#include "jobinit/job/payload.hpp"
#include "properties.hpp"

namespace {

using namespace jobinit;

const job::JobFile& declared() {
  static const job::JobFile file = job::parse_job_file(R"({"parameters": {
      "S": {"secret": true, "max_length": 9}, "N": {"type": "integer", "from": ["/a/0/b", "/detail/n", "/n"]},
      "L": {"type": "list", "items": {"type": "date"}, "shard": true}, "R": {"type": "range", "shard": true},
      "J": {"type": "json", "flatten": true, "schema": {"type": ["object", "array"], "maxProperties": 5,
            "properties": {"a": {"pattern": "^(a*)*$"}, "b": {"items": {"enum": [1, null, "x"]}}}}},
      "U": {"type": "url"}, "T": {"type": "datetime", "tz": "+02:00"}, "P": {"default": "${N:-${S:-none}}", "secret": true}}})",
                                                       "job.json");
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::require(declared().problems.empty(), "the declarations are good");
  auto payload = job::read_payload(fuzz::as_text(data, size), "EVENT");
  if (!payload) {
    fuzz::require(payload.failure().message.starts_with("EVENT: "), "a problem names its source");
    return 0;
  }
  job::Sources sources;
  sources.payloads.push_back(std::move(*payload));
  sources.index = 1;
  sources.count = 3;
  const job::Assignments assigned = job::assign(declared().parameters, sources);
  for (const std::string& problem : assigned.problems) {
    fuzz::require(problem.find('\n') == std::string::npos && valid_utf8(problem) == problem,
                  "a problem is a line of text");
  }
  std::vector<std::string> problems;
  const std::vector<std::string> ways{"env", "stdin"};
  const job::Handover handover = job::hand_over(assigned, ways, problems);
  for (const auto& [name, value] : handover.variables) {
    fuzz::require(!name.empty() && name.find('=') == std::string::npos, "a variable has a name");
  }
  fuzz::require(static_cast<bool>(job::read_json(handover.document)), "what the job reads is JSON");
  return 0;
}
