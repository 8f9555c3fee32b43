// The report: one JSON document a run, versioned; its JSON Schema is runner/report/report.schema.json. Everything that
// is told about a run (sinks, summary, metrics) is told from this document, so that a saved report can be sent again.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/result.hpp"
#include "jobinit/supervise/outcome.hpp"

namespace jobinit::report {

using Document = nlohmann::ordered_json;

inline constexpr int kSchemaVersion = 1;

// A parameter, with what may be seen of it.
struct ReportedParameter {
  std::string name;
  std::optional<std::string> value;  // "***" for a secret; nullopt: it has none
  std::string source;                // "environment: MEDIA"; empty: nowhere
};

// Whose run it was.
struct Subject {
  std::string run_id;  // UUIDv7; the idempotency key of every delivery
  std::string job_name;
  std::vector<std::string> command;
  std::string platform;
  std::map<std::string, std::string> platform_ids;
  std::string host;
  Duration timeout{};  // 0: none
  std::vector<ReportedParameter> parameters;
  std::vector<std::string> secrets;  // *** in every text of the report
};

Document make_report(const Subject& subject, const supervise::Outcome& outcome);

// A run as far as it is known while it goes on: "outcome" and "times.ended_at" are null, "times.duration_seconds" is
// how long it has lasted (so_far.duration), and "attempts" are those that have ended. The same schema.
Document make_progress_report(const Subject& subject, const supervise::Outcome& so_far);

// RFC 3339 in UTC, with milliseconds.
std::string timestamp(std::chrono::system_clock::time_point when);

// What is to be told of a run that has started, should nobody be left to tell how it ended; and the same once that has
// come to pass, with the time when it was noticed. A report that is not of that kind is returned as it is.
Document make_lost_report(const Subject& subject, const supervise::Outcome& so_far);
Document found_lost(Document report, bool out_of_memory, std::chrono::system_clock::time_point noticed);

// JSON from a file: nothing that is nested too deeply to be written again.
Result<Document> parse_json(std::string_view text);

// The same document, if it is a report that can be read. Errors: not a report, a schema version from the future.
Result<Document> check_report(Document parsed);

// Reads a saved report. Errors: not JSON, not a report, a schema version from the future.
Result<Document> parse_report(std::string_view text);

// "import-feed failed: exit 3 after 12m04s, peak memory 412 MiB of 512 MiB"
std::string summary_sentence(const Subject& subject, const supervise::Outcome& outcome);

// The same without name and figures: "failed: exit 3".
std::string ending_sentence(const supervise::Outcome& outcome);

std::string_view report_schema();

}  // namespace jobinit::report
