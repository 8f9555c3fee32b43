// What the tests of sinks share: events of a sample run, and what a sink wants sent for them.
#pragma once

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "support.hpp"

namespace jobinit::test {

inline constexpr const char* kRunId = "01890a5d-ac96-774b-bcce-b302099a8057";  // of sample_subject()

inline deliver::Sink sink_of(const std::string& text) {
  auto sink = deliver::parse_sink(text);
  if (!sink) {
    throw std::runtime_error(text + ": " + sink.failure().message);
  }
  return *sink;
}

inline deliver::Event event_of(EventKind kind, std::string text = {}) {
  using namespace std::chrono_literals;
  supervise::Outcome so_far = sample_outcome();
  so_far.duration = 12s;
  deliver::Event event;
  event.kind = kind;
  event.time = so_far.started_at + 12s;
  event.id = fmt::format("{}-{}", kRunId, event_name(kind));
  event.report = report::make_progress_report(sample_subject(), so_far);
  event.text = std::move(text);
  return event;
}

inline deliver::Event ended(const supervise::Verdict& verdict, std::string tail = "reading feed\nwrote 17 rows\n") {
  supervise::Outcome outcome = sample_outcome();
  outcome.verdict = verdict;
  outcome.tail = std::move(tail);
  return deliver::finished_event(report::make_report(sample_subject(), outcome));
}

inline deliver::Event success() { return ended({Cause::success, 0, 0, std::nullopt}); }
inline deliver::Event failure() { return ended({Cause::failed, 3, 3, std::nullopt}); }

inline std::vector<deliver::Message> messages(const std::string& sink_text, const deliver::Event& event,
                                              const std::vector<std::string>& environment = {}) {
  const deliver::Sink sink = sink_of(sink_text);
  auto made = sink.kind->request(sink, event, environment);
  if (!made) {
    throw std::runtime_error(made.failure().message);
  }
  return std::move(*made);
}

// The one request that there must be.
inline deliver::HttpRequest request(const std::string& sink_text, const deliver::Event& event,
                                    const std::vector<std::string>& environment = {}) {
  const auto made = messages(sink_text, event, environment);
  if (made.size() != 1 || !std::holds_alternative<deliver::HttpRequest>(made.front())) {
    throw std::runtime_error("not one HTTP request");
  }
  return std::get<deliver::HttpRequest>(made.front());
}

// A sink that is refused at the start, by a message that shows no credential.
struct Wrong {
  const char* name;
  const char* sink;
  const char* message;
  friend void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }
};

inline void expect_refused(const Wrong& wrong) {
  const auto sink = deliver::parse_sink(wrong.sink);
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.failure().message, testing::HasSubstr(wrong.message));
  EXPECT_THAT(sink.failure().message, testing::Not(testing::HasSubstr("s3cret")));
}

inline nlohmann::json body_of(const deliver::HttpRequest& request) { return nlohmann::json::parse(request.body); }

}  // namespace jobinit::test
