// Where trust comes from: what the user says, then what the image has, then what the binary brings along.
#include <gmock/gmock.h>

#include <array>

#include "jobinit/deliver/ca.hpp"
#include "support.hpp"

namespace jobinit::deliver {
namespace {

using Environment = std::vector<std::string>;

// In the order in which they are looked for.
constexpr std::array<const char*, 5> kBundles{
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

test::Tree every_bundle() {
  test::Tree tree;
  for (const char* bundle : kBundles) {
    tree[bundle] = "PEM";
  }
  return tree;
}

TEST(TrustStore, TakesTheFirstBundleThatTheImageHas) {
  test::Tree tree = every_bundle();
  for (const char* bundle : kBundles) {
    const test::Machine machine(tree);
    const TrustStore store = find_trust_store(Environment{}, machine.root());
    EXPECT_EQ(store.file, machine.root()(bundle));
    EXPECT_EQ(store.folder, "");
    EXPECT_FALSE(store.embedded);
    tree.erase(bundle);
  }
}

TEST(TrustStore, FallsBackOnItsOwnBundle) {
  const test::Machine empty({});
  // Set but empty is how many schedulers say "not set".
  for (const Environment& environment : {Environment{}, Environment{"SSL_CERT_FILE=", "SSL_CERT_DIR="}}) {
    const TrustStore store = find_trust_store(environment, empty.root());
    EXPECT_TRUE(store.embedded);
    EXPECT_EQ(store.file + store.folder, "");
  }
}

TEST(TrustStore, EnvironmentIsStrongest) {
  struct Row {
    Environment environment;
    const char* file;
    const char* folder;
  };
  const test::Machine machine(every_bundle());
  for (const Row& row :
       {Row{{"SSL_CERT_FILE=/own/ca.pem"}, "/own/ca.pem", ""}, Row{{"SSL_CERT_DIR=/own/certs"}, "", "/own/certs"},
        Row{{"SSL_CERT_DIR=/own/certs", "SSL_CERT_FILE=/own/ca.pem"}, "/own/ca.pem", "/own/certs"},
        Row{{"SSL_CERT_FILE=", "SSL_CERT_DIR=/own/certs"}, "", "/own/certs"}}) {
    const TrustStore store = find_trust_store(row.environment, machine.root());
    EXPECT_EQ(store.file, row.file);
    EXPECT_EQ(store.folder, row.folder);
    EXPECT_FALSE(store.embedded) << "what the user trusts is not added to";
  }
}

TEST(TrustStore, EmbeddedBundleIsPem) {
  const std::string_view bundle = embedded_bundle();
  const auto count = [&](std::string_view mark) {
    std::size_t found = 0;
    for (std::size_t at = bundle.find(mark); at != std::string_view::npos; at = bundle.find(mark, at + 1)) {
      ++found;
    }
    return found;
  };
  const std::size_t certificates = count("-----BEGIN CERTIFICATE-----\n");
  EXPECT_GT(certificates, 50U);
  EXPECT_EQ(count("-----END CERTIFICATE-----\n"), certificates);
  EXPECT_TRUE(bundle.starts_with("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_TRUE(bundle.ends_with("-----END CERTIFICATE-----\n"));
  EXPECT_EQ(bundle.find('\0'), std::string_view::npos);
}

}  // namespace
}  // namespace jobinit::deliver
