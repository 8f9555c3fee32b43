// Trace Context (W3C Recommendation, "Trace Context", level 1): which trace a run belongs to, and its own span there.
// Made from the run's id alone, so that PID 1, which hands it on to the job, and the deliver process, which reports it,
// say the same without asking each other. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jobinit {

struct TraceContext {
  std::string trace_id;        // 32 lower-case hex digits
  std::string span_id;         // 16: the run's own span
  std::string parent_span_id;  // 16; empty: the run is the root of its trace
  bool sampled = true;

  // "00-TRACE-SPAN-01": what is handed on, with the run's own span as the parent of whatever follows.
  std::string traceparent() const;
};

// `traceparent`: the environment's TRACEPARENT; one that is not well-formed is as if there were none, as the
// Recommendation wants (3.2.2.5).
TraceContext trace_of_run(std::string_view run_id, std::optional<std::string_view> traceparent);

// The span of one attempt, from 1, below the run's.
std::string attempt_span_id(std::string_view run_id, unsigned attempt);

}  // namespace jobinit
