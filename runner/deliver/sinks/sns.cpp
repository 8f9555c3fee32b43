// sns:TOPIC-ARN, a message to an Amazon SNS topic: the report as JSON, and words for people where it goes to e-mail or
// telephones.
// Amazon SNS API Reference, Publish (Query API, version 2010-03-31): a message of up to 262,144 bytes, a subject of up
// to 100 ASCII characters, MessageStructure=json for a message a protocol; FIFO topics want a group and a deduplication
// id.
#include <array>
#include <nlohmann/json.hpp>

#include "aws_api.hpp"
#include "encode.hpp"
#include "facts.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/report/metrics.hpp"
#include "registry.hpp"
#include "words.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array<std::string_view, 1> kSchemes{"sns"};
constexpr AwsService kService{"sns", "SNS"};
constexpr std::size_t kMostReport = 120'000;  // it is escaped twice: in JSON, and within JSON
constexpr std::size_t kMostMail = 20'000;
constexpr std::size_t kMostSms = 140;
constexpr std::size_t kMostSubject = 100;
constexpr std::size_t kMostGroup = 128;
constexpr std::size_t kMostMessage = 262'144;

std::string topic_of(const Sink& sink) { return sink.target.substr(0, sink.target.find('#')); }

Result<void> check(const Sink& sink) {
  const auto parts = split(topic_of(sink), ":");
  if (parts.size() != 6 || parts[0] != "arn" || parts[2] != "sns") {
    return error("sns: needs a topic's ARN, arn:aws:sns:REGION:ACCOUNT:TOPIC");
  }
  return SinkOptions(sink.target).check(sink.scheme, {});
}

// "must be ASCII text that begins with a letter, number, or punctuation mark; must not include line breaks or control
// characters".
std::string subject_of(const Event& event) {
  std::string subject;
  for (const char c : headline(event)) {
    subject += c >= 0x20 && c < 0x7F ? c : '?';
  }
  subject = trim(subject.substr(0, kMostSubject));
  return subject.empty() ? "jobinit" : subject;
}

std::string message_of(const Event& event, std::size_t report_limit) {
  nlohmann::ordered_json message;
  message["default"] = report_within(event.report, report_limit);
  message["email"] = message_with_tail(event, std::min(kMostMail, report_limit));
  message["sms"] = std::string(first_bytes(valid_utf8(headline(event)), kMostSms));
  return message.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

class Form {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("{}{}={}", text_.empty() ? "" : "&", name, percent_encoded(value));
  }
  // For subscriptions' filter policies.
  void add_attribute(std::string_view name, std::string_view value) {
    if (value.empty()) {
      return;
    }
    ++attributes_;
    add(fmt::format("MessageAttributes.entry.{}.Name", attributes_), name);
    add(fmt::format("MessageAttributes.entry.{}.Value.DataType", attributes_), "String");
    add(fmt::format("MessageAttributes.entry.{}.Value.StringValue", attributes_), value);
  }
  std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  int attributes_ = 0;
};

// Letters, digits and punctuation.
std::string group_of(const std::string& job) {
  std::string group;
  for (const char c : job) {
    group += c > 0x20 && c < 0x7F ? c : '_';
  }
  return group.empty() ? "job" : group.substr(0, kMostGroup);
}

Result<std::vector<Message>> request_of(const Sink& sink, const Event& event, Environment environment) {
  const std::string topic = topic_of(sink);
  auto request =
      aws_request(kService, split(topic, ":").at(3), "application/x-www-form-urlencoded; charset=utf-8", environment);
  if (!request) {
    return request.failure();
  }
  const std::string job = report::job_name(event.report);
  std::string message = message_of(event, kMostReport);
  if (message.size() > kMostMessage) {  // quotes and backslashes, mostly
    message = message_of(event, kMostMessage / 16);
  }
  Form form;
  form.add("Action", "Publish");
  form.add("Version", "2010-03-31");
  form.add("TopicArn", topic);
  form.add("Subject", subject_of(event));
  form.add("MessageStructure", "json");
  form.add("Message", message);
  form.add_attribute("event", event_name(event.kind));
  form.add_attribute("job", std::string(first_bytes(valid_utf8(job), kMostSubject)));
  form.add_attribute("cause", text_at(event.report, "outcome.cause"));
  if (topic.ends_with(".fifo")) {
    form.add("MessageGroupId", group_of(job));
    form.add("MessageDeduplicationId", group_of(event.id));
  }
  request->body = std::move(form).take();
  return std::vector<Message>{std::move(*request)};
}

}  // namespace

const SinkKind sns_sink{
    .schemes = kSchemes, .events = kAllEvents, .usual = {EventKind::finished}, .check = check, .request = request_of};

}  // namespace jobinit::deliver
