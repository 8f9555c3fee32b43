// emf:[NAMESPACE][#dimensions=NAME,NAME], a line of CloudWatch's Embedded Metric Format on stdout, from which
// CloudWatch Logs makes metrics where the awslogs driver carries it there. AWS' documentation, "Specification: Embedded
// metric format": a metric directive has at most 30 dimensions and 100 metrics, a dimension's value is text of 1 to
// 1024 characters, Timestamp is in milliseconds.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "urls.hpp"

namespace jobinit::deliver {
namespace {

using report::Document;

constexpr std::array<std::string_view, 1> kSchemes{"emf"};
constexpr std::array<std::string_view, 1> kOptions{"dimensions"};
constexpr std::string_view kNamespace = "jobinit";
constexpr std::size_t kMostNamespace = 256;
constexpr std::size_t kMostDimension = 1024;

// What can be a dimension, and where it is in the report.
struct Dimension {
  std::string_view name;
  std::string_view field;
};
constexpr std::array<Dimension, 4> kDimensions{Dimension{"Job", "job.name"}, Dimension{"Cause", "outcome.cause"},
                                               Dimension{"Platform", "platform.name"},
                                               Dimension{"Host", "platform.host"}};

struct Metric {
  std::string_view name;
  std::string_view field;
  std::string_view unit;
};
constexpr std::array<Metric, 7> kMetrics{Metric{"Duration", "times.duration_seconds", "Seconds"},
                                         Metric{"ExitCode", "outcome.exit_code", "None"},
                                         Metric{"PeakMemory", "resources.peak_memory_bytes", "Bytes"},
                                         Metric{"MemoryLimit", "resources.memory_limit_bytes", "Bytes"},
                                         Metric{"CpuUser", "resources.cpu_user_seconds", "Seconds"},
                                         Metric{"CpuSystem", "resources.cpu_system_seconds", "Seconds"},
                                         Metric{"OomKills", "resources.oom_kills", "Count"}};

const Dimension* dimension(std::string_view name) {
  const auto* const found =
      std::find_if(kDimensions.begin(), kDimensions.end(), [&](const Dimension& one) { return one.name == name; });
  return found == kDimensions.end() ? nullptr : found;
}

std::string_view namespace_of(const Sink& sink) {
  const std::string_view name = std::string_view(sink.target).substr(0, sink.target.find('#'));
  return name.empty() ? kNamespace : name;
}

// "PutMetricData", Namespace: letters, digits and . - _ / # :, and not AWS' own.
Result<void> check_namespace(std::string_view name) {
  const bool good = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:").find(c) != std::string_view::npos;
  });
  if (!good || name.size() >= kMostNamespace || name.starts_with("AWS/")) {
    return error("emf: a namespace has letters, digits and ._-/: in it, {} at most, and does not begin with AWS/",
                 kMostNamespace - 1);
  }
  return {};
}

Result<void> check(const Sink& sink) {
  const SinkOptions options(sink.target);
  if (auto good = options.check(sink.scheme, kOptions); !good) {
    return good;
  }
  for (const std::string& name : split(options.get("dimensions"), ",")) {
    if (dimension(name) == nullptr) {
      std::vector<std::string_view> known;
      for (const Dimension& one : kDimensions) {
        known.push_back(one.name);
      }
      return error("emf: \"{}\" is no dimension; there are {}", name, fmt::join(known, ", "));
    }
  }
  return check_namespace(namespace_of(sink));
}

Document directive(const Sink& sink, const Document& line, const std::vector<std::string>& dimensions) {
  Document metrics = Document::array();
  for (const Metric& one : kMetrics) {
    if (line.contains(one.name)) {
      metrics.push_back({{"Name", one.name}, {"Unit", one.unit}});
    }
  }
  metrics.push_back({{"Name", "Success"}, {"Unit", "Count"}});
  metrics.push_back({{"Name", "Failure"}, {"Unit", "Count"}});
  Document one;
  one["Namespace"] = namespace_of(sink);
  one["Dimensions"] = Document::array({dimensions});
  one["Metrics"] = std::move(metrics);
  return one;
}

Document line_of(const Sink& sink, const Event& event) {
  const Document& report = event.report;
  const SinkOptions options(sink.target);
  Document line;
  for (const Metric& one : kMetrics) {
    if (const auto number = number_at(report, one.field)) {
      line[std::string(one.name)] = *number;
    }
  }
  line["Success"] = succeeded(report) ? 1 : 0;
  line["Failure"] = succeeded(report) ? 0 : 1;
  for (const Dimension& one : kDimensions) {
    const std::string value = valid_utf8(one.name == "Job" ? report::job_name(report) : text_at(report, one.field));
    line[std::string(one.name)] = value.empty() ? "-" : std::string(first_bytes(value, kMostDimension));
  }
  line["RunId"] = run_id(report);
  line["Summary"] = std::string(first_bytes(valid_utf8(text_at(report, "outcome.summary")), kMostDimension));
  Document whole;
  whole["_aws"]["Timestamp"] =
      std::chrono::duration_cast<std::chrono::milliseconds>(event.time.time_since_epoch()).count();
  whole["_aws"]["CloudWatchMetrics"] =
      Document::array({directive(sink, line, split(options.get("dimensions", "Job"), ","))});
  whole.update(line);
  return whole;
}

Result<void> write(const Sink& sink, const Event& event, Duration patience) {
  return write_to_stdout(line_of(sink, event).dump(-1, ' ', false, Document::error_handler_t::replace), patience);
}

}  // namespace

const SinkKind emf_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
