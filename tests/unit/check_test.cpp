// Settings that are each right and together are not.
#include "jobinit/cli/check.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace jobinit::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::system_clock::time_point kNow{1764000000s};

Settings usual() {
  Settings settings;
  settings.retry_backoff = 1s;
  settings.retry_backoff_max = 1min;
  return settings;
}

TEST(Check, TheDefaultsAgree) { EXPECT_THAT(contradictions(usual(), kNow), IsEmpty()); }

TEST(Check, AWarningNeedsAnEndToWarnOf) {
  Settings settings = usual();
  settings.warn_before = {{1min, 10}};
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("no end to warn of")));
  settings.timeout = 2min;
  EXPECT_THAT(contradictions(settings, kNow), IsEmpty());
  settings.timeout = 1min;
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("1m00s is not less than --timeout (1m00s)")));
  settings.timeout = 0s;
  settings.attempt_timeout = 30s;
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("--attempt-timeout")));
  settings.attempt_timeout = 0s;
  settings.deadline = Moment{.at = std::chrono::floor<std::chrono::milliseconds>(kNow + 1s), .time_of_day = {}};
  EXPECT_THAT(contradictions(settings, kNow), IsEmpty()) << "a deadline may be as near as it likes";
}

TEST(Check, ADeadlineThatIsOver) {
  Settings settings = usual();
  settings.deadline = Moment{.at = std::chrono::floor<std::chrono::milliseconds>(kNow - 90s), .time_of_day = {}};
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre("deadline: it is over, 1m30s ago"));
  settings.deadline = Moment{.at = {}, .time_of_day = 1h};
  EXPECT_THAT(contradictions(settings, kNow), IsEmpty()) << "a time of day is always to come";
}

TEST(Check, ABackoffAboveItsMost) {
  Settings settings = usual();
  settings.retry_backoff = 2min;
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("retry-backoff: 2m00s is more than")));
}

TEST(Check, ALogTellsWhatTheJobHasWritten) {
  Settings settings = usual();
  settings.log_fields = {LogField::time};
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("log-fields: msg is missing")));
  settings.log_fields = {LogField::time, LogField::msg};
  settings.log_multiline = "^1";
  EXPECT_THAT(contradictions(settings, kNow), ElementsAre(HasSubstr("log-multiline: it joins lines in text and json")));
  settings.log_format = LogFormat::text;
  EXPECT_THAT(contradictions(settings, kNow), IsEmpty());
}

}  // namespace
}  // namespace jobinit::cli
