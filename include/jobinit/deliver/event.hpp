// What sinks are told: an event of a run, with the run's report as far as it is known then.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "jobinit/base/event.hpp"
#include "jobinit/report/report.hpp"

namespace jobinit::deliver {

struct Event {
  EventKind kind = EventKind::finished;
  std::chrono::system_clock::time_point time;
  // Stays the same however often the event is delivered, and is no other event's: the run's id for `finished`, else
  // "RUN_ID-started", "RUN_ID-heartbeat-3".
  std::string id;
  // Of `finished`, the whole report; of any other, report::make_progress_report(): "outcome" and "times.ended_at" are
  // null, the log's tail is empty.
  report::Document report;
  std::string text;  // warning: what it says; attempt_failed: the attempt's ending in words; else empty
};

// A whole report as an event: of its "times.ended_at", or of now where that cannot be read.
Event finished_event(report::Document report);

// `number` counts the events of this kind in this run, from 1.
Event progress_event(EventKind kind, unsigned number, report::Document report, std::string text = {});

}  // namespace jobinit::deliver
