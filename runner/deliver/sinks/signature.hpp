// The options of sinks whose requests can be signed: "#secret=env:NAME" or "#secret=file:PATH", "#signature=SCHEME".
#pragma once

#include <optional>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "urls.hpp"

namespace jobinit::deliver {

Result<void> check_signature(const Sink& sink, const SinkOptions& options);

// What check_signature() has let pass; none without a secret. Errors: the variable is not set. The file is read by
// whoever sends.
Result<std::optional<HmacSignature>> signature_of(const SinkOptions& options, const Event& event,
                                                  Environment environment);

}  // namespace jobinit::deliver
