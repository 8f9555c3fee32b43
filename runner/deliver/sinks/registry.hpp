// What the sinks' files and the registry share.
#pragma once

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

// The report as one line among the logs; for file:/dev/stdout too.
Result<void> write_stream(int fd, const report::Document& report, Duration patience);
// A line among the job's own.
Result<void> write_to_stdout(const std::string& line, Duration patience);

extern const SinkKind file_sink;
extern const SinkKind stream_sink;
extern const SinkKind termination_log_sink;
extern const SinkKind textfile_sink;
extern const SinkKind pushgateway_sink;
extern const SinkKind healthchecks_sink;
extern const SinkKind webhook_sink;
extern const SinkKind slack_sink;
extern const SinkKind cronitor_sink;
extern const SinkKind sentry_sink;
extern const SinkKind cloudevents_sink;
extern const SinkKind otlp_sink;
extern const SinkKind statsd_sink;
extern const SinkKind stepfunctions_sink;
extern const SinkKind eventbridge_sink;
extern const SinkKind sns_sink;
extern const SinkKind emf_sink;

}  // namespace jobinit::deliver
