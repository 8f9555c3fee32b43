// Moments of the wall clock, as people and schedulers write them.
#include "jobinit/base/moment.hpp"

#include <gtest/gtest.h>

#include "support.hpp"

namespace jobinit {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::system_clock;
using std::chrono::year;

// A Tuesday, noon.
constexpr system_clock::time_point kNow = sys_days(year(2026) / 11 / 24) + 12h;

struct Row {
  const char* name;
  const char* text;
  system_clock::time_point when;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }
};

class MomentText : public testing::TestWithParam<Row> {};

TEST_P(MomentText, IsRead) {
  const auto moment = parse_moment(GetParam().text);
  ASSERT_TRUE(moment) << moment.failure().message;
  EXPECT_EQ((next_occurrence(*moment, kNow) - kNow).count(), (GetParam().when - kNow).count());
}

constexpr system_clock::time_point kToday = sys_days(year(2026) / 11 / 24);

INSTANTIATE_TEST_SUITE_P(
    All, MomentText,
    testing::Values(Row{"utc", "2026-11-25T06:00:00Z", kToday + 30h},
                    Row{"small letters", "2026-11-25t06:00:00z", kToday + 30h},
                    Row{"blank and no seconds", " 2026-11-25 06:00Z ", kToday + 30h},
                    Row{"zone ahead", "2026-11-25T06:00:00+09:00", kToday + 21h},
                    Row{"zone behind", "2026-11-24T23:30:00-01:30", kToday + 25h},
                    Row{"fraction", "2026-11-25T06:00:00.25Z", kToday + 30h + 250ms},
                    Row{"long fraction", "2026-11-25T06:00:00.123456789Z", kToday + 30h + 123ms},
                    Row{"leap day", "2028-02-29T00:00:00Z", sys_days(year(2028) / 2 / 29)},
                    Row{"the past is not judged here", "1999-12-31T23:59:59Z", sys_days(year(2000) / 1 / 1) - 1s},
                    Row{"epoch", "@1764050400", system_clock::time_point(1764050400s)},
                    Row{"later today", "12:00:01", kToday + 12h + 1s},
                    Row{"this very moment is the next day's", "12:00", kToday + 36h},
                    Row{"tomorrow", "06:00", kToday + 30h}, Row{"time of day in a zone", "06:00+09:00", kToday + 21h},
                    Row{"time of day in a zone, the day before", "20:00-08:00", kToday + 28h},
                    Row{"midnight", "00:00Z", kToday + 24h}),
    test::kRowName);

TEST(Moment, WhatIsNoneIsRefusedWithTheFormsThatAre) {
  for (const char* text : {"",
                           "tomorrow",
                           "6:00",
                           "06:60",
                           "24:00",
                           "06:00:60",
                           "06:00 Z",
                           "2026-11-25",
                           "2026-11-25T06:00:00",
                           "2026-02-29T00:00Z",
                           "2026-13-01T00:00Z",
                           "2026-11-25T06:00:00+9",
                           "2026-11-25T06:00:00Zx",
                           "@",
                           "@-1",
                           "@1764050400000",
                           "@12x",
                           "1764050400",
                           "06:00.5",
                           "-26-11-25T06:00Z",
                           "2026-11-25T06:00:00.Z1"}) {
    const auto moment = parse_moment(text);
    ASSERT_FALSE(moment) << text;
    EXPECT_NE(moment.failure().message.find("2026-11-25T06:00:00Z"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace jobinit
