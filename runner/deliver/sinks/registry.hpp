// What the sinks' files and the registry share.
#pragma once

#include "jobinit/deliver/sink.hpp"

namespace jobinit::deliver {

extern const SinkKind file_sink;
extern const SinkKind stream_sink;
extern const SinkKind termination_log_sink;
extern const SinkKind textfile_sink;
extern const SinkKind pushgateway_sink;

}  // namespace jobinit::deliver
