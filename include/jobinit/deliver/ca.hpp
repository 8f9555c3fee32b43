// Where trust in TLS servers comes from.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "jobinit/kernel/files.hpp"

namespace jobinit::deliver {

struct TrustStore {
  std::string file;    // PEM bundle; empty: none
  std::string folder;  // hashed folder as c_rehash(1) makes it; empty: none
  bool embedded = false;
};

// SSL_CERT_FILE and SSL_CERT_DIR where set (OpenSSL's own names), else the first bundle that a distribution keeps, else
// the bundle embedded in this binary: an image without certificates must not lose its reports.
TrustStore find_trust_store(std::span<const std::string> environment, const kernel::Root& root = {});

// Mozilla's roots as Debian ships them, PEM.
std::string_view embedded_bundle();

}  // namespace jobinit::deliver
