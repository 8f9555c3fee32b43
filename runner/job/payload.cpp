#include "jobinit/job/payload.hpp"

#include <algorithm>

#include "jobinit/base/text.hpp"

namespace jobinit::job {
namespace {

std::string lowered(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

bool is_object_with(const Json& document, std::string_view name) {
  return document.is_object() && document.contains(name);
}

// What base64 holds: JSON where it is, else a text.
std::optional<Json> decoded(const Json& value) {
  const auto bytes = value.is_string() ? decode_base64(value.get<std::string>()) : std::nullopt;
  if (!bytes) {
    return std::nullopt;
  }
  auto json = read_json(*bytes);
  return json ? std::move(*json) : Json(valid_utf8(*bytes));
}

// [{"name": "MEDIA", "value": "google"}], as Argo Workflows gives all parameters of a workflow.
std::optional<Json> from_pairs(const Json& document) {
  Json object = Json::object();
  for (const Json& pair : document) {
    if (!is_object_with(pair, "name") || !pair["name"].is_string() || !pair.contains("value")) {
      return std::nullopt;
    }
    object[pair["name"].get<std::string>()] = pair["value"];
  }
  return object;
}

// EventBridge user guide, "Events and event structure"; Pub/Sub, "Receive push messages"; CloudEvents 1.0, JSON format.
void open_envelope(Payload& payload) {
  Json& document = payload.document;
  if (is_object_with(document, "detail-type") && document.contains("detail")) {
    payload.roots = {{"detail"}};
  } else if (is_object_with(document, "message") && document.contains("subscription") &&
             document["message"].is_object()) {
    Json& message = document["message"];
    if (message.contains("data")) {
      if (auto data = decoded(message["data"])) {
        message["data"] = std::move(*data);
      }
    }
    payload.roots = {{"message", "data"}, {"message", "attributes"}};
  } else if (is_object_with(document, "specversion") &&
             (document.contains("data") || document.contains("data_base64"))) {
    if (document.contains("data_base64")) {
      if (auto data = decoded(document["data_base64"])) {
        document["data"] = std::move(*data);
      }
    }
    payload.roots = {{"data"}};
  } else {
    payload.roots = {{}};
  }
}

}  // namespace

std::optional<Payload::Found> Payload::find(const Parameter& parameter) const {
  std::vector<Path> ways = parameter.from;
  if (ways.empty()) {
    for (const Path& root : roots) {
      for (const std::string& name : {parameter.name, lowered(parameter.name)}) {
        ways.push_back(root);
        ways.back().push_back(name);
      }
    }
  }
  for (const Path& way : ways) {
    const Json* value = find_value(document, way);
    if (value != nullptr && !value->is_null()) {
      return Found{value, way};
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> Payload::names() const {
  std::vector<std::string_view> names;
  for (const Path& root : roots) {
    const Json* object = find_value(document, root);
    if (object != nullptr && object->is_object()) {
      for (const auto& member : object->items()) {
        names.push_back(member.key());
      }
    }
  }
  return names;
}

Result<Payload> read_payload(std::string_view text, std::string where) {
  auto document = read_json(text);
  if (!document) {
    return error("{}: {}", where, document.failure().message);
  }
  if (document->is_array()) {
    if (auto object = from_pairs(*document)) {
      document = std::move(*object);
    }
  }
  if (!document->is_object()) {
    return error("{}: must be a JSON object such as {{\"NAME\": \"value\"}}", where);
  }
  Payload payload{std::move(where), std::move(*document), {}};
  open_envelope(payload);
  return payload;
}

std::optional<std::string> decode_base64(std::string_view text) {
  while (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  std::string bytes;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '-') {
      value = 62;
    } else if (c == '/' || c == '_') {
      value = 63;
    } else {
      return std::nullopt;
    }
    bits = (bits << 6U | value) & 0xFFFFU;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFFU);
    }
  }
  return count < 6 ? std::optional(bytes) : std::nullopt;  // a single letter is no byte
}

}  // namespace jobinit::job
