#include "jobinit/deliver/signing.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/files.hpp"
#include "sinks/encode.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::size_t kLargestSecret = 64 << 10;
constexpr std::string_view kStandardPrefix = "whsec_";

Result<std::string> secret_of(const HmacSignature& signature) {
  if (signature.secret_file.empty()) {
    return signature.secret;
  }
  auto text = kernel::read_file(signature.secret_file, kLargestSecret);
  if (!text) {
    return text.failure();
  }
  while (text->ends_with('\n') || text->ends_with('\r')) {
    text->pop_back();
  }
  if (text->empty()) {
    return error("{} is empty; a secret is expected in it", signature.secret_file);
  }
  return std::move(*text);
}

// Standard Webhooks, "Signature scheme": the key is what is base64 behind the prefix.
Result<std::string> standard_key(const std::string& secret) {
  if (!secret.starts_with(kStandardPrefix)) {
    return secret;
  }
  const std::string_view encoded = std::string_view(secret).substr(kStandardPrefix.size());
  std::string key(encoded.size() / 4 * 3, '\0');
  const int length =
      encoded.empty() || encoded.size() % 4 != 0
          ? -1
          : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                            reinterpret_cast<const unsigned char*>(encoded.data()), static_cast<int>(encoded.size()));
  if (length < 0) {
    return error("the signature's secret begins with whsec_, and what follows is not base64");
  }
  // It decodes the padding to zeros.
  const std::size_t padding = encoded.ends_with("==") ? 2 : encoded.ends_with('=') ? 1 : 0;
  key.resize(static_cast<std::size_t>(length) - padding);
  return key;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest.data(), &length);
  return {reinterpret_cast<const char*>(digest.data()), length};
}

std::string in_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return hex;
}

}  // namespace

Result<Headers> signature_headers(const HttpRequest& request, std::chrono::system_clock::time_point now) {
  if (!request.hmac) {
    return Headers();
  }
  const HmacSignature& signature = *request.hmac;
  const auto secret = secret_of(signature);
  if (!secret) {
    return secret.failure();
  }
  if (signature.scheme == HmacSignature::x_hub_signature_256) {
    return Headers{{"X-Hub-Signature-256", "sha256=" + in_hex(hmac_sha256(*secret, request.body))}};
  }
  const auto key = standard_key(*secret);
  if (!key) {
    return key.failure();
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::string time = fmt::format("{}", seconds);
  const std::string content = fmt::format("{}.{}.{}", signature.id, time, request.body);
  return Headers{{"webhook-id", signature.id},
                 {"webhook-timestamp", time},
                 {"webhook-signature", "v1," + base64(hmac_sha256(*key, content))}};
}

}  // namespace jobinit::deliver
