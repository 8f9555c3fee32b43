#include "jobinit/deliver/ca.hpp"

#include <unistd.h>

#include <array>

#include "jobinit/base/environment.hpp"

// Defined in ca_bundle.S.
extern "C" const char jobinit_ca_bundle[];
extern "C" const char jobinit_ca_bundle_end[];

namespace jobinit::deliver {

std::string_view embedded_bundle() {
  return {jobinit_ca_bundle, static_cast<std::size_t>(jobinit_ca_bundle_end - jobinit_ca_bundle)};
}

TrustStore find_trust_store(std::span<const std::string> environment, const kernel::Root& root) {
  TrustStore store;
  store.file = lookup(environment, "SSL_CERT_FILE").value_or("");
  store.folder = lookup(environment, "SSL_CERT_DIR").value_or("");
  if (!store.file.empty() || !store.folder.empty()) {
    return store;
  }
  static constexpr std::array<std::string_view, 5> bundles{
      "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch, distroless
      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL, Amazon Linux
      "/etc/pki/tls/certs/ca-bundle.crt",                   // older RHEL and CentOS
      "/etc/ssl/ca-bundle.pem",                             // SUSE
      "/etc/ssl/cert.pem",                                  // Alpine's libressl, BSDs
  };
  for (const std::string_view bundle : bundles) {
    if (::access(root(bundle).c_str(), R_OK) == 0) {
      store.file = root(bundle);
      return store;
    }
  }
  store.embedded = true;
  return store;
}

}  // namespace jobinit::deliver
