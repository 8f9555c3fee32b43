#include "jobinit/deliver/event.hpp"

#include <nlohmann/json.hpp>

#include "jobinit/base/moment.hpp"

namespace jobinit::deliver {
namespace {

// Saved reports are edited by people: whatever is no text is none.
std::string text_at(const report::Document& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Event finished_event(report::Document report) {
  Event event;
  event.time = std::chrono::system_clock::now();
  if (report.is_object() && report.contains("times")) {
    const auto ended = parse_moment(text_at(report["times"], "ended_at"));
    if (ended && ended->at) {
      event.time = *ended->at;
    }
  }
  event.id = text_at(report, "run_id");
  event.report = std::move(report);
  return event;
}

Event progress_event(EventKind kind, unsigned number, report::Document report, std::string text) {
  Event event;
  event.kind = kind;
  event.time = std::chrono::system_clock::now();
  event.id = fmt::format("{}-{}", text_at(report, "run_id"), event_name(kind));
  if (kind != EventKind::started) {
    event.id += fmt::format("-{}", number);
  }
  event.report = std::move(report);
  event.text = std::move(text);
  return event;
}

}  // namespace jobinit::deliver
