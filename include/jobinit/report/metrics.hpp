// The metrics of a run in Prometheus' text format, made from its report.
#pragma once

#include <string>

#include "jobinit/report/report.hpp"

namespace jobinit::report {

// The job's name as metrics are labelled with it; "job" where a saved report lacks one.
std::string job_name(const Document& report);

// `with_job_label`: the job's name as a label of every metric, for where no grouping key carries it (textfile). The
// last success' time is only there when this run was one, so that a POST to a Pushgateway leaves the earlier one
// standing.
std::string prometheus_text(const Document& report, bool with_job_label);

}  // namespace jobinit::report
