// Credentials for requests to AWS, where its SDKs look for them (AWS SDKs and Tools Reference Guide, "Standardized
// credential providers"): the environment's keys, else the container's own, of an ECS task role or EKS pod identity.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobinit/deliver/sink.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::deliver {

struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: none
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
std::optional<AwsCredentials> aws_credentials_of(Environment environment);

// What to ask for the container's credentials. Errors: there is nobody to ask, or it is somebody who must not be.
Result<HttpRequest> aws_credentials_request(Environment environment, const kernel::Root& root = {});

// Its answer. Errors never repeat any of it.
Result<AwsCredentials> parse_aws_credentials(std::string_view answer);

}  // namespace jobinit::deliver
