// JSON that holds parameters: given to jobinit outright, or an event of a scheduler. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/job/parameter.hpp"

namespace jobinit::job {

struct Payload {
  std::string where;        // for messages: "JOBINIT_PARAMS"
  Json document;            // with what was base64 in it decoded
  std::vector<Path> roots;  // where parameters are sought by name, in this order

  struct Found {
    const Json* value;
    Path path;
  };
  // By the parameter's pointers, or by its name, as it is or in small letters. null counts as not there.
  std::optional<Found> find(const Parameter& parameter) const;
  // The names at the roots, for messages.
  std::vector<std::string_view> names() const;
};

// An object with parameters; an array of {"name": ..., "value": ...} (Argo); or one of these envelopes, which are told
// by their members: EventBridge's and CloudWatch's events ("detail-type", "detail"), Pub/Sub's push messages
// ("message" with "data", base64, and "attributes"), CloudEvents ("specversion", "data" or "data_base64").
// Errors tell line and column, and hold nothing of the text.
Result<Payload> read_payload(std::string_view text, std::string where);

// RFC 4648, sections 4 and 5: either alphabet, with or without padding; nullopt: not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace jobinit::job
