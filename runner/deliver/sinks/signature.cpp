#include "signature.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::string_view kEnvironment = "env:";
constexpr std::string_view kFile = "file:";
constexpr std::array<std::string_view, 2> kNames{"standard-webhooks", "x-hub-signature-256"};

}  // namespace

Result<void> check_signature(const Sink& sink, const SinkOptions& options) {
  const std::string_view secret = options.get("secret");
  const std::string_view scheme = options.get("signature", kNames[0]);
  if (scheme != kNames[0] && scheme != kNames[1]) {
    const std::string_view near = nearest(scheme, kNames);
    return error("{}: the signature is one of {}{}", sink.shown, fmt::join(kNames, ", "),
                 near.empty() ? "" : fmt::format("; did you mean {}?", near));
  }
  if (secret.empty()) {
    return options.get("signature").empty()
               ? Result<void>()
               : error("{}: a signature needs secret=env:NAME or secret=file:PATH", sink.shown);
  }
  const bool named = (secret.starts_with(kEnvironment) && secret.size() > kEnvironment.size()) ||
                     (secret.starts_with(kFile) && secret.size() > kFile.size());
  // The secret itself in a sink would be seen by whoever sees the sink; it is not repeated here.
  return named ? Result<void>() : error("{}: write secret=env:NAME or secret=file:PATH", sink.shown);
}

Result<std::optional<HmacSignature>> signature_of(const SinkOptions& options, const Event& event,
                                                  Environment environment) {
  const std::string_view secret = options.get("secret");
  if (secret.empty()) {
    return std::optional<HmacSignature>();
  }
  HmacSignature signature;
  signature.scheme = options.get("signature", kNames[0]) == kNames[0] ? HmacSignature::standard_webhooks
                                                                      : HmacSignature::x_hub_signature_256;
  signature.id = event.id;
  if (secret.starts_with(kFile)) {
    signature.secret_file = secret.substr(kFile.size());
    return std::optional(std::move(signature));
  }
  const std::string_view name = secret.substr(kEnvironment.size());
  const auto value = lookup(environment, name);
  if (!value || value->empty()) {
    return error("secret=env:{}: that variable is not set", name);
  }
  signature.secret = *value;
  return std::optional(std::move(signature));
}

}  // namespace jobinit::deliver
