// The formats that a log can have besides raw: text for people, JSON for machines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jobinit/base/choices.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/pattern.hpp"

namespace jobinit::logs {

struct FormatOptions {
  std::string stream;
  std::string job;
  std::string run_id;
  std::vector<LogField> fields;  // in this order, each at most once; `msg` among them
  LogTime time = LogTime::microseconds;
  std::size_t longest = 0;                // bytes of a record, see Framer
  std::shared_ptr<const Pattern> begins;  // a line that begins a record; null: every line does
  bool colours = false;
};

// "2026-11-26T21:30:00.123456Z stdout message", the message's bytes as they are.
std::unique_ptr<Encoder> make_text_format(const FormatOptions& options);

// {"time":"2026-11-26T21:30:00.123456Z","stream":"stdout","msg":"message","job":"import","run_id":"0189…"}, always one
// valid object in valid UTF-8 a line. A record that is itself an object (json_line.hpp) keeps its members and gets
// ours, but for those that it has itself.
std::unique_ptr<Encoder> make_json_format(const FormatOptions& options);

}  // namespace jobinit::logs
