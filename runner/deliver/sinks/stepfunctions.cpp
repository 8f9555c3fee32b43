// stepfunctions:[VARIABLE][#region=...], the end of a task that a state machine waits for with .waitForTaskToken.
// AWS Step Functions API Reference: SendTaskSuccess (output of up to 262,144 characters), SendTaskFailure (error of up
// to 256, cause of up to 32,768), SendTaskHeartbeat. The token comes in the environment; TASK_TOKEN is what the
// Developer Guide's examples call it.
#include <array>
#include <nlohmann/json.hpp>

#include "aws_api.hpp"
#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/environment.hpp"
#include "registry.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"stepfunctions"};
constexpr std::array<std::string_view, 1> kOptions{"region"};
constexpr AwsService kService{"states", "SFN"};
constexpr std::string_view kVariable = "TASK_TOKEN";
constexpr std::size_t kMostOutput = 262'144;
constexpr std::size_t kMostError = 256;
constexpr std::size_t kMostCause = 32'768;

std::string_view variable_of(const Sink& sink) {
  const std::string_view name = std::string_view(sink.target).substr(0, sink.target.find('#'));
  return name.empty() ? kVariable : name;
}

Result<void> check(const Sink& sink) {
  for (const char c : variable_of(sink)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!good) {  // it may be the token itself, which is not repeated
      return error("stepfunctions: takes the name of the variable that holds the task token, not the token");
    }
  }
  return SinkOptions(sink.target).check(sink.scheme, kOptions);
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const auto token = lookup(environment, variable_of(sink));
  if (!token || token->empty()) {
    return error("no task token: {} is not set", variable_of(sink));
  }
  auto request =
      aws_request(kService, SinkOptions(sink.target).get("region"), "application/x-amz-json-1.0", environment);
  if (!request) {
    return request.failure();
  }
  std::string_view operation = "SendTaskHeartbeat";
  nlohmann::ordered_json body;
  body["taskToken"] = *token;
  if (event.kind == EventKind::finished && succeeded(event.report)) {
    operation = "SendTaskSuccess";
    body["output"] = report_within(event.report, kMostOutput);
  } else if (event.kind == EventKind::finished) {
    operation = "SendTaskFailure";
    const std::string cause = text_at(event.report, "outcome.cause");
    body["error"] = std::string(first_bytes(cause.empty() ? "failed" : cause, kMostError));
    body["cause"] = message_with_tail(event, kMostCause);
  }
  request->headers.emplace_back("X-Amz-Target", fmt::format("AWSStepFunctions.{}", operation));
  request->secrets = {std::string(*token)};
  request->body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return std::vector<Message>{std::move(*request)};
}

}  // namespace

const SinkKind stepfunctions_sink{.schemes = kSchemes,
                                  .events = {EventKind::started, EventKind::heartbeat, EventKind::finished},
                                  .usual = {EventKind::heartbeat, EventKind::finished},
                                  .check = check,
                                  .request = request_of};

}  // namespace jobinit::deliver
