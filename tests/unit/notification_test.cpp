// What a job says over its notify socket.
#include "jobinit/supervise/notification.hpp"

#include <gtest/gtest.h>

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;

TEST(Notification, SaysSeveralThingsAtOnce) {
  const Notification said = parse_notification(
      "READY=1\nSTATUS=read 7 of 9\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=1500000\nMAINPID=12\nSTOPPING=1");
  EXPECT_TRUE(said.ready && said.stopping && said.alive && said.main_pid);
  EXPECT_FALSE(said.trigger);
  EXPECT_EQ(said.status, "read 7 of 9");
  EXPECT_EQ(said.extend, 1500ms);
  EXPECT_EQ(said.watchdog, std::nullopt);
}

TEST(Notification, SetsAndTriggersTheWatchdog) {
  EXPECT_EQ(parse_notification("WATCHDOG_USEC=20000000\n").watchdog, 20s);
  EXPECT_EQ(parse_notification("WATCHDOG_USEC=0").watchdog, 0s);
  const Notification said = parse_notification("WATCHDOG=trigger");
  EXPECT_TRUE(said.trigger);
  EXPECT_FALSE(said.alive);
}

TEST(Notification, PassesOverWhatItCannotRead) {
  for (const char* text :
       {"", "\n\n", "READY", "READY=0", "READY=yes", "READY =1", "ready=1", "STOPPING=0", "WATCHDOG=0", "X=1",
        "EXTEND_TIMEOUT_USEC=", "EXTEND_TIMEOUT_USEC=-1", "EXTEND_TIMEOUT_USEC=1s",
        "EXTEND_TIMEOUT_USEC=18446744073709551615", "WATCHDOG_USEC=99999999999999999999999"}) {
    const Notification said = parse_notification(text);
    EXPECT_FALSE(said.ready || said.stopping || said.alive || said.trigger || said.main_pid) << text;
    EXPECT_FALSE(said.extend || said.watchdog || said.status) << text;
  }
}

TEST(Notification, StatusIsBoundedAndReadable) {
  EXPECT_EQ(parse_notification("STATUS=").status, "");
  EXPECT_EQ(parse_notification("STATUS=a=b").status, "a=b");
  EXPECT_EQ(parse_notification("STATUS=a\xff").status, "a\xEF\xBF\xBD");
  EXPECT_EQ(parse_notification("STATUS=" + std::string(5000, 'x')).status, std::string(kMostStatusBytes, 'x'));
}

}  // namespace
}  // namespace jobinit::supervise
