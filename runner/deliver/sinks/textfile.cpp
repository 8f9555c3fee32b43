// textfile:PATH.prom, for node_exporter's textfile collector (its README, "Textfile Collector"): *.prom files, replaced
// as a whole, without timestamps.
#include <array>

#include "jobinit/kernel/files.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"textfile"};

Result<void> check(const Sink& sink) {
  if (!sink.target.ends_with(".prom")) {
    return error("{}: node_exporter only reads files named *.prom", sink.shown);
  }
  return {};
}

Result<void> write(const Sink& sink, const Event& event, Duration patience) {
  const auto durability = patience < kTimeForDisks ? kernel::Durability::memory : kernel::Durability::disk;
  return kernel::replace_file(sink.target, report::prometheus_text(event.report, /*with_job_label=*/true), durability);
}

}  // namespace

const SinkKind textfile_sink{.schemes = kSchemes, .check = check, .write = write};

}  // namespace jobinit::deliver
