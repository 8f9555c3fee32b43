// When a message is sent again, whom a redirect may lead to, and what may be told of a failure.
#include <gmock/gmock.h>

#include "jobinit/deliver/aws.hpp"
#include "jobinit/deliver/retry.hpp"
#include "support.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(MayPass, WhatAServerSaysOfItsMoodDoes) {
  for (const long status : {408, 429, 500, 502, 503, 504, 599}) {
    EXPECT_TRUE(may_pass(status)) << status;
  }
  for (const long status : {0, 100, 200, 301, 400, 401, 403, 404, 409, 413, 600}) {
    EXPECT_FALSE(may_pass(status)) << status;
  }
}

TEST(Pause, GrowsUpToALimitAndIsHalfChance) {
  EXPECT_EQ(pause_before_next(1, 0, std::nullopt), 400ms);
  EXPECT_EQ(pause_before_next(2, 0, std::nullopt), 800ms);
  EXPECT_EQ(pause_before_next(5, 0, std::nullopt), 5s);
  EXPECT_EQ(pause_before_next(1'000'000, 0, std::nullopt), 5s);
  EXPECT_NEAR(static_cast<double>(pause_before_next(2, 0.999999, std::nullopt).count()), 400e6, 1e4);
}

TEST(Pause, IsNeverLessThanTheServerAsksFor) {
  EXPECT_EQ(pause_before_next(1, 0, 7s), 7s + 50ms);
  EXPECT_GE(pause_before_next(1, 0.999999, 7s), 7s);
}

TEST(TryTime, LeavesTimeForAnother) {
  EXPECT_EQ(time_for_try(5s), 2500ms);
  EXPECT_EQ(time_for_try(1500ms), 1s);
  EXPECT_EQ(time_for_try(400ms), 400ms);
}

struct Redirect {
  const char* name;
  const char* from;
  const char* to;
  bool allowed;
  friend void PrintTo(const Redirect& row, std::ostream* out) { *out << row.name; }
};

class MayFollow : public testing::TestWithParam<Redirect> {};

TEST_P(MayFollow, OnlyWithinTheSamePlace) { EXPECT_EQ(may_follow(GetParam().from, GetParam().to), GetParam().allowed); }

INSTANTIATE_TEST_SUITE_P(
    Each, MayFollow,
    testing::Values(Redirect{"another path", "https://host/a", "https://host/b?c", true},
                    Redirect{"another case", "https://host/a", "HTTPS://HOST/b", true},
                    Redirect{"the usual port, said", "https://host/a", "https://host:443/a", true},
                    Redirect{"with the credentials left out", "http://u:p@host/a", "http://host/a/", true},
                    Redirect{"with the credentials kept", "http://u:p@host/a", "http://u:p@host/a/", true},
                    Redirect{"with others", "http://u:p@host/a", "http://x:p@host/a/", false},
                    Redirect{"to TLS", "http://host/a", "https://host/a", true},
                    Redirect{"to TLS by other ports", "http://host:8080/a", "https://host:8443/a", true},
                    Redirect{"by IPv6", "http://[::1]:80/a", "http://[::1]/b", true},
                    Redirect{"from TLS", "https://host/a", "http://host/a", false},
                    Redirect{"another host", "https://host/a", "https://other/a", false},
                    Redirect{"a host with a longer name", "https://host/a", "https://host.evil/a", false},
                    Redirect{"a host in the place of a user", "https://host/a", "https://host@evil/a", false},
                    Redirect{"another port", "https://host/a", "https://host:8443/a", false},
                    Redirect{"another IPv6 address", "http://[::1]/a", "http://[::2]/a", false},
                    Redirect{"another scheme", "http://host/a", "ftp://host/a", false},
                    Redirect{"a file", "http://host/a", "file:///etc/passwd", false},
                    Redirect{"nothing", "http://host/a", "", false}),
    test::kRowName);

TEST(UnixSocket, StandsPercentEncodedInAHostsPlace) {
  std::string rest;
  EXPECT_EQ(unix_socket_of("http://%2Frun%2Fx.sock/metrics?a=b", rest), "/run/x.sock");
  EXPECT_EQ(rest, "http://localhost/metrics?a=b");
  EXPECT_EQ(unix_socket_of("http://user:pass@%2frun%2fx.sock", rest), "/run/x.sock");
  EXPECT_EQ(rest, "http://user:pass@localhost/");
  EXPECT_EQ(unix_socket_of("http://host/%2Frun", rest), std::nullopt);
}

TEST(Secrets, AreMaskedHoweverAServerRepeatsThem) {
  HttpRequest request;
  request.url = "https://importer:p%40ss@host/services/T024BE7LDTOKEN/short?key=0123456789abcdef";
  request.headers = {{"Content-Type", "application/octet-stream"}, {"Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9"}};
  request.secrets = {"AQCEAAAAKgAAAAMA"};
  const auto secrets = secrets_of(request);
  const std::string told = conceal(
      "no p@ss or p%40ss for /services/T024BE7LDTOKEN/short: key=0123456789abcdef, Bearer eyJhbGciOiJIUzI1NiJ9, "
      "AQCEAAAAKgAAAAMA; want application/octet-stream",
      secrets);
  EXPECT_EQ(told, "no *** or *** for /services/***/short: key=***, Bearer ***, ***; want application/octet-stream");
}

TEST(Secrets, ThatHoldOneAnotherAreMaskedWhole) {
  HttpRequest request;
  request.url = "https://host/0123456789ab/0123456789abcdef";
  EXPECT_EQ(conceal("0123456789abcdef 0123456789ab", secrets_of(request)), "*** ***");
}

// ---- AWS ------------------------------------------------------------------------------------------------------------

using Variables = std::vector<std::string>;

TEST(AwsCredentials, OfTheEnvironment) {
  const Variables keys{"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_SESSION_TOKEN=token"};
  const auto found = aws_credentials_of(keys);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key, "AKIA");
  EXPECT_EQ(found->secret_key, "s3cret");
  EXPECT_EQ(found->session_token, "token");
  EXPECT_FALSE(aws_credentials_of(Variables{"AWS_ACCESS_KEY_ID=AKIA"}));
  EXPECT_FALSE(aws_credentials_of(Variables{}));
}

TEST(AwsCredentials, OfAnEcsTaskAreAskedForAtItsAddress) {
  const Variables task{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/1f2e"};
  const auto request = aws_credentials_request(task);
  ASSERT_TRUE(request) << request.failure().message;
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->url, "http://169.254.170.2/v2/credentials/1f2e");
  EXPECT_TRUE(request->headers.empty());
}

TEST(AwsCredentials, OfAnEksPodAreAskedForWithItsToken) {
  const test::Machine machine(test::Tree{{"/var/run/token", "eyJhbGciOi\n"}});
  const Variables pod{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
                      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/var/run/token"};
  const auto request = aws_credentials_request(pod, machine.root());
  ASSERT_TRUE(request) << request.failure().message;
  EXPECT_EQ(request->url, "http://169.254.170.23/v1/credentials");
  EXPECT_THAT(request->headers, testing::ElementsAre(testing::Pair("Authorization", "eyJhbGciOi")));
}

TEST(AwsCredentials, AreAskedOfNobodyElse) {
  for (const char* const uri : {"http://evil/", "http://169.254.170.2.evil/", "http://169.254.170.23@evil/",
                                "http://localhost@evil/", "file:///etc/passwd", "169.254.170.23"}) {
    const auto request = aws_credentials_request(Variables{std::string("AWS_CONTAINER_CREDENTIALS_FULL_URI=") + uri});
    ASSERT_FALSE(request) << uri;
    EXPECT_THAT(request.failure().message, HasSubstr("neither https nor an address of this machine"));
  }
  for (const char* const uri : {"https://anybody/", "http://localhost:8080/x", "http://[fd00:ec2::23]/x"}) {
    EXPECT_TRUE(aws_credentials_request(Variables{std::string("AWS_CONTAINER_CREDENTIALS_FULL_URI=") + uri})) << uri;
  }
}

TEST(AwsCredentials, ThatAreNowhereAreNamed) {
  const auto request = aws_credentials_request(Variables{"HOME=/"});
  ASSERT_FALSE(request);
  EXPECT_THAT(request.failure().message, HasSubstr("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
}

TEST(AwsCredentials, OfAnEndpointsAnswer) {
  const auto found =
      parse_aws_credentials(R"({"AccessKeyId":"ASIA","SecretAccessKey":"s3cret","Token":"t","Expiration":"2030"})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session_token, "t");
  for (const char* const answer : {"", "[]", "s3cret", R"({"SecretAccessKey":"s3cret"})", R"({"AccessKeyId":7})"}) {
    const auto none = parse_aws_credentials(answer);
    ASSERT_FALSE(none) << answer;
    EXPECT_THAT(none.failure().message, Not(HasSubstr("s3cret")));
  }
}

}  // namespace
}  // namespace jobinit::deliver
