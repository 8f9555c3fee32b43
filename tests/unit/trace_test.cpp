// Which trace a run belongs to.
#include "jobinit/base/trace.hpp"

#include <gmock/gmock.h>

#include <set>

#include "support.hpp"

namespace jobinit {
namespace {

constexpr const char* kRun = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Trace, ARunWithoutAParentIsTheRootOfItsOwnTrace) {
  const TraceContext context = trace_of_run(kRun, std::nullopt);
  EXPECT_EQ(context.trace_id, "01890a5dac96774bbcceb302099a8057");
  EXPECT_EQ(context.span_id, "bcceb302099a8057");
  EXPECT_EQ(context.parent_span_id, "");
  EXPECT_EQ(context.traceparent(), "00-01890a5dac96774bbcceb302099a8057-bcceb302099a8057-01");
}

TEST(Trace, AParentsTraceIsGoneOnWithUnderTheRunsOwnSpan) {
  const TraceContext context = trace_of_run(kRun, kParent);
  EXPECT_EQ(context.parent_span_id, "00f067aa0ba902b7");
  EXPECT_EQ(context.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-bcceb302099a8057-01");
}

TEST(Trace, WhatIsNotSampledStaysSo) {
  const auto flags = [](const char* two) {
    return trace_of_run(kRun, fmt::format("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{}", two)).sampled;
  };
  EXPECT_FALSE(flags("00"));
  EXPECT_TRUE(flags("01"));
  EXPECT_FALSE(flags("02")) << "a flag of another meaning";
  EXPECT_TRUE(flags("0b"));
  EXPECT_TRUE(flags("ff"));
}

struct Malformed {
  const char* name;
  const char* text;
};

class MalformedParent : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedParent, IsNoParent) { EXPECT_EQ(trace_of_run(kRun, GetParam().text).parent_span_id, ""); }

INSTANTIATE_TEST_SUITE_P(
    Each, MalformedParent,
    testing::Values(Malformed{"empty", ""}, Malformed{"short", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"},
                    Malformed{"no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
                    Malformed{"no span", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"},
                    Malformed{"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"},
                    Malformed{"no hex", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"},
                    Malformed{"no flags", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-xy"},
                    Malformed{"version ff", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                    Malformed{"version 00 with more", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"},
                    Malformed{"more without a dash", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"},
                    Malformed{"other separators", "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"}),
    test::kRowName);

TEST(Trace, ALaterVersionIsReadAsFarAsItIsKnown) {
  EXPECT_EQ(trace_of_run(kRun, "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").parent_span_id,
            "00f067aa0ba902b7");
}

TEST(Trace, AnIdThatIsNoUuidStillHasWellFormedIds) {
  for (const char* id : {"", "x", "00000000-0000-0000-0000-000000000000", "01890A5D-AC96-774B-BCCE-B302099A8057"}) {
    const TraceContext context = trace_of_run(id, std::nullopt);
    EXPECT_EQ(trace_of_run(kRun, context.traceparent()).parent_span_id, context.span_id) << id;
  }
}

TEST(Trace, EveryAttemptHasASpanOfItsOwn) {
  std::set<std::string> seen{trace_of_run(kRun, std::nullopt).span_id};
  for (unsigned attempt = 1; attempt <= 1000; ++attempt) {
    seen.insert(attempt_span_id(kRun, attempt));
  }
  EXPECT_EQ(seen.size(), 1001U);
}

}  // namespace
}  // namespace jobinit
