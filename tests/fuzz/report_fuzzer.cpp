// A saved report that was edited, cut off or written by something else, told to every kind of sink. A sink that cannot
// tell it answers with an error: one that throws would take the other sinks' deliveries with it.
#include <nlohmann/json.hpp>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/report/metrics.hpp"
#include "jobinit/report/report.hpp"
#include "properties.hpp"

namespace {

using namespace jobinit;
using fuzz::require;

deliver::Sink sink(std::string_view text) {
  auto parsed = deliver::parse_sink(text);
  require(static_cast<bool>(parsed), "the fuzzer's own sinks are good");
  return std::move(*parsed);
}

void check_metrics(const std::string& text) {
  require(text.empty() || text.ends_with('\n'), "metrics end with a newline");
  require(valid_utf8(text) == text, "metrics are UTF-8");
  require(text.find("jobinit_job_running") != std::string::npos, "metrics are there, whatever the report lacks");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = report::parse_report(fuzz::as_text(data, size));
  if (!report) {
    return 0;
  }
  check_metrics(report::prometheus_text(*report, true));
  check_metrics(report::prometheus_text(*report, false));
  // What file:, stdout: and stderr: write.
  const auto again = report::parse_report(report->dump());
  require(again && *again == *report, "a report can be written and read back");
  static const deliver::Sink termination_log = sink("termination-log:/dev/null");
  (void)termination_log.kind->write(termination_log, deliver::finished_event(*report), Duration::zero());
  static const deliver::Sink pushgateway = sink("pushgateway+http://host:9091/region/eu");
  if (const auto messages = pushgateway.kind->request(pushgateway, deliver::finished_event(*report), {})) {
    for (const deliver::Message& message : *messages) {
      const auto& request = std::get<deliver::HttpRequest>(message);
      require(request.url.starts_with("http://host:9091/metrics/job"), "the request goes to the Pushgateway");
      require(request.url.find_first_of(" \r\n?#") == std::string::npos, "the URL is one");
      check_metrics(request.body);
    }
  }
  return 0;
}
