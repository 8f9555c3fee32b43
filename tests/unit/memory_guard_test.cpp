// Which means enforce a limit where, and how often memory is looked at.
#include "jobinit/supervise/memory_guard.hpp"

#include <gmock/gmock.h>

#include <random>

#include "support.hpp"

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kGiB = 1U << 30U;
constexpr std::uint64_t kReserve = 16 * kMiB;

MemoryFacts container(std::optional<std::uint64_t> limit) {
  MemoryFacts facts;
  facts.container_limit = limit;
  facts.can_measure = true;
  facts.no_cgroup = "it is read-only";
  return facts;
}

MemoryFacts killed_as_a_group(std::uint64_t limit) {
  MemoryFacts facts = container(limit);
  facts.kills_group = true;
  return facts;
}

MemoryFacts writable(std::optional<std::uint64_t> limit) {
  MemoryFacts facts = container(limit);
  facts.no_cgroup.reset();
  return facts;
}

MemoryWish wish(SizeOrShare limit = {}, MemoryTier tier = MemoryTier::automatic, SizeOrShare warn = {},
                std::uint64_t pids = 0) {
  return {limit, tier, kReserve, warn, pids};
}

constexpr SizeOrShare size(std::uint64_t bytes) { return {bytes, 0}; }
constexpr SizeOrShare share(double part) { return {0, part}; }

struct Row {
  const char* name;
  MemoryWish wish;
  MemoryFacts facts;
  MemoryTier tier;
  std::optional<std::uint64_t> limit;
  MemoryWatch watch;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Planned : public testing::TestWithParam<Row> {};

TEST_P(Planned, AsTheContainerAllows) {
  const Row& row = GetParam();
  const MemoryPlan plan = plan_memory(row.wish, row.facts);
  EXPECT_EQ(plan.problem, "");
  EXPECT_EQ(plan.tier, row.tier);
  EXPECT_EQ(plan.limit, row.limit);
  EXPECT_EQ(plan.watch.warn, row.watch.warn);
  EXPECT_EQ(plan.watch.limit, row.watch.limit);
  EXPECT_EQ(plan.watch.brim, row.watch.brim);
}

constexpr MemoryWatch kNobody{};
constexpr std::uint64_t kRoom = 512 * kMiB - kReserve;
constexpr std::uint64_t kBrim = 512 * kMiB - kReserve / 2;

INSTANTIATE_TEST_SUITE_P(Wishes, Planned,
                         testing::Values(Row{"nothing asked, no limit", wish(), container(std::nullopt),
                                             MemoryTier::off, std::nullopt, kNobody},
                                         Row{"nothing asked: the kernel sees to the containers limit", wish(),
                                             container(512 * kMiB), MemoryTier::off, 512 * kMiB, kNobody},
                                         Row{"the kernel would take PID 1 too: the guard is first",
                                             wish(),
                                             killed_as_a_group(512 * kMiB),
                                             MemoryTier::guard,
                                             kRoom,
                                             {0, kRoom, kBrim}},
                                         Row{"a writable tree is better than a guard", wish(), writable(512 * kMiB),
                                             MemoryTier::cgroup, kRoom, kNobody},
                                         Row{"a writable tree, and nothing to enforce", wish(), writable(std::nullopt),
                                             MemoryTier::off, std::nullopt, kNobody},
                                         Row{"a limit of ones own, in a writable tree without one",
                                             wish(size(100 * kMiB)), writable(std::nullopt), MemoryTier::cgroup,
                                             100 * kMiB, kNobody},
                                         Row{"a limit below the containers",
                                             wish(size(256 * kMiB)),
                                             container(512 * kMiB),
                                             MemoryTier::guard,
                                             256 * kMiB,
                                             {0, 256 * kMiB, 288 * kMiB}},
                                         Row{"a share of the containers",
                                             wish(share(0.5)),
                                             container(512 * kMiB),
                                             MemoryTier::guard,
                                             256 * kMiB,
                                             {0, 256 * kMiB, 288 * kMiB}},
                                         Row{"a limit within the reserve",
                                             wish(share(0.99)),
                                             container(512 * kMiB),
                                             MemoryTier::guard,
                                             kRoom,
                                             {0, kRoom, kBrim}},
                                         Row{"the whole of it is no limit of ones own", wish(share(1)),
                                             container(512 * kMiB), MemoryTier::off, 512 * kMiB, kNobody},
                                         Row{"a limit without a container",
                                             wish(size(80 * kMiB)),
                                             container(std::nullopt),
                                             MemoryTier::guard,
                                             80 * kMiB,
                                             {0, 80 * kMiB, 90 * kMiB}},
                                         Row{"the guard, asked for",
                                             wish({}, MemoryTier::guard),
                                             container(512 * kMiB),
                                             MemoryTier::guard,
                                             kRoom,
                                             {0, kRoom, kBrim}},
                                         Row{"the guard, asked for in a writable tree",
                                             wish({}, MemoryTier::guard),
                                             writable(512 * kMiB),
                                             MemoryTier::guard,
                                             kRoom,
                                             {0, kRoom, kBrim}},
                                         Row{"off, asked for", wish({}, MemoryTier::off), killed_as_a_group(512 * kMiB),
                                             MemoryTier::off, 512 * kMiB, kNobody},
                                         Row{"the reserve is never more than an eighth",
                                             wish({}, MemoryTier::guard),
                                             container(8 * kMiB),
                                             MemoryTier::guard,
                                             7 * kMiB,
                                             {0, 7 * kMiB, 7 * kMiB + kMiB / 2}},
                                         Row{"a warning at a share of the limit",
                                             wish({}, MemoryTier::automatic, share(0.75)),
                                             container(512 * kMiB),
                                             MemoryTier::off,
                                             512 * kMiB,
                                             {384 * kMiB, 0, 0}},
                                         Row{"a warning at a share of ones own",
                                             wish(size(100 * kMiB), MemoryTier::automatic, share(0.5)),
                                             container(512 * kMiB),
                                             MemoryTier::guard,
                                             100 * kMiB,
                                             {50 * kMiB, 100 * kMiB, 112 * kMiB + kMiB / 2}},
                                         Row{"a warning at a size, where there is no limit",
                                             wish({}, MemoryTier::automatic, size(kMiB)),
                                             container(std::nullopt),
                                             MemoryTier::off,
                                             std::nullopt,
                                             {kMiB, 0, 0}}),
                         test::kRowName);

TEST(MemoryPlan, ALimitOfProcessesTakesACgroup) {
  const MemoryPlan plan = plan_memory(wish({}, MemoryTier::automatic, {}, 100), writable(std::nullopt));
  EXPECT_EQ(plan.problem, "");
  EXPECT_EQ(plan.tier, MemoryTier::cgroup);
  EXPECT_EQ(plan.pids, 100U);
  EXPECT_EQ(plan.limit, std::nullopt);
  EXPECT_EQ(plan_memory(wish({}, MemoryTier::cgroup, {}, 100), writable(std::nullopt)).problem, "");
  EXPECT_THAT(plan_memory(wish({}, MemoryTier::automatic, {}, 100), container(kGiB)).problem,
              HasSubstr("pids: the job cannot have a cgroup of its own: it is read-only"));
  EXPECT_THAT(plan_memory(wish({}, MemoryTier::guard, {}, 100), writable(kGiB)).problem,
              HasSubstr("only a cgroup limits processes"));
}

TEST(MemoryPlan, SwapIsRoomToo) {
  MemoryFacts facts = killed_as_a_group(512 * kMiB);
  facts.swap = kGiB;
  EXPECT_EQ(plan_memory(wish(), facts).watch.limit, kRoom + kGiB);
}

// A cgroup's memory.max counts no swap: the container's own would be reached first, and PID 1 with it.
TEST(MemoryPlan, SwapIsNoRoomForTheMemoryOfACgroup) {
  MemoryFacts facts = writable(512 * kMiB);
  facts.swap = kGiB;
  const MemoryPlan plan = plan_memory(wish(), facts);
  EXPECT_EQ(plan.limit, kRoom);
  EXPECT_EQ(plan.swap, std::nullopt) << "what the container may";
  const MemoryPlan own = plan_memory(wish(size(100 * kMiB)), facts);
  EXPECT_EQ(own.limit, 100 * kMiB);
  EXPECT_EQ(own.swap, 0U);
  EXPECT_EQ(plan_memory(wish({}, MemoryTier::automatic, {}, 7), facts).limit, kRoom) << "with --pids alone";
}

TEST(MemoryPlan, AWarningWithoutALimitIsOfTheJobsOwnUse) {
  EXPECT_TRUE(plan_memory(wish({}, MemoryTier::automatic, size(kMiB)), container(std::nullopt)).of_job);
  EXPECT_FALSE(plan_memory(wish({}, MemoryTier::automatic, size(kMiB)), container(kGiB)).of_job);
  EXPECT_TRUE(plan_memory(wish(size(kMiB)), container(kGiB)).of_job);
}

TEST(MemoryPlan, RefusesWhatNobodyCanDo) {
  const auto problem = [](const MemoryWish& asked, const MemoryFacts& facts) {
    return plan_memory(asked, facts).problem;
  };
  EXPECT_THAT(problem(wish(share(0.8)), container(std::nullopt)), HasSubstr("80% of what?"));
  EXPECT_THAT(problem(wish({}, MemoryTier::cgroup), container(kGiB)), HasSubstr("it is read-only"));
  EXPECT_THAT(problem(wish({}, MemoryTier::cgroup), writable(std::nullopt)), HasSubstr("no limit to enforce"));
  EXPECT_THAT(problem(wish({}, MemoryTier::guard), container(std::nullopt)), HasSubstr("no limit to enforce"));
  EXPECT_THAT(problem(wish(size(kMiB), MemoryTier::off), container(kGiB)), HasSubstr("nobody would enforce it"));
  MemoryFacts blind = container(kGiB);
  blind.can_measure = false;
  EXPECT_THAT(problem(wish(size(kMiB)), blind), HasSubstr("nobody can say"));
}

TEST(MemoryPlan, SaysWhatItMakesOfAWish) {
  EXPECT_THAT(plan_memory(wish(size(2 * kGiB)), container(kGiB)).note, HasSubstr("more than the container may use"));
  EXPECT_THAT(plan_memory(wish({}, MemoryTier::automatic, share(0.9)), container(std::nullopt)).note,
              HasSubstr("90% of no limit"));
  EXPECT_EQ(plan_memory(wish(), container(kGiB)).note, "");
}

// Nobody asked for anything: a run is not refused, and the kernel remains.
TEST(MemoryPlan, WithoutAMeasureTheKernelRemains) {
  MemoryFacts blind = killed_as_a_group(kGiB);
  blind.can_measure = false;
  const MemoryPlan plan = plan_memory(wish(), blind);
  EXPECT_EQ(plan.problem, "");
  EXPECT_EQ(plan.tier, MemoryTier::off);
  EXPECT_FALSE(plan.watch.watching());
  EXPECT_THAT(plan.note, HasSubstr("nobody can say"));
}

// ---- how often ------------------------------------------------------------------------------------------------------

constexpr MemoryWatch kFourGiB{0, 4 * kGiB, 5 * kGiB};
constexpr std::chrono::steady_clock::time_point kNow{1000s};

TEST(MemoryPace, IsTheTimeInWhichTheLimitCouldBeReached) {
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 2 * kGiB}, std::nullopt, 0s), 500ms);
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 3 * kGiB}, std::nullopt, 0s), 250ms);
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 4 * kGiB - 1}, std::nullopt, 0s), 1ms);
}

TEST(MemoryPace, IsShorterForAJobThatGrowsFaster) {
  const MemoryUse before{kNow - 100ms, kGiB};
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 2 * kGiB}, before, 0s), 100ms);  // 10 GiB/s, twice
}

TEST(MemoryPace, CountsToTheNextThreshold) {
  EXPECT_EQ(until_next_look({kGiB, 4 * kGiB, 5 * kGiB}, {kNow, 0}, std::nullopt, 0s), 250ms);
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 4 * kGiB}, std::nullopt, 0s), 250ms);
}

TEST(MemoryPace, StaysShortBeyondTheLastThreshold) {
  EXPECT_EQ(until_next_look(kFourGiB, {kNow, 6 * kGiB}, std::nullopt, 0s), 1ms);
}

// What one look costs bounds how often there is one: far from the limit at most 1 part in 500 of a core.
TEST(MemoryPace, CostsLittle) {
  constexpr MemoryWatch small{0, 64 * kMiB, 72 * kMiB};
  EXPECT_EQ(until_next_look(small, {kNow, 0}, std::nullopt, 50us), 25ms);
  EXPECT_EQ(until_next_look(small, {kNow, 48 * kMiB}, std::nullopt, 500us), 5ms);
  // Not at any price: nobody may be late for it.
  EXPECT_EQ(until_next_look(small, {kNow, 0}, std::nullopt, 1s), 62500us);
  EXPECT_EQ(until_next_look(small, {kNow, 64 * kMiB - 1}, std::nullopt, 1s), 1ms);
}

TEST(MemoryPace, IsWithinItsBoundsWhateverIsSeen) {
  std::mt19937_64 random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  for (int i = 0; i < 10000; ++i) {
    const MemoryWatch watch{random() >> (random() % 64), random() >> (random() % 64), random() >> (random() % 64)};
    const MemoryUse now{kNow, random() >> (random() % 64)};
    const MemoryUse before{kNow - std::chrono::nanoseconds(random() % 2'000'000'000), random() >> (random() % 64)};
    const Duration pause = until_next_look(watch, now, before, std::chrono::nanoseconds(random() % 1'000'000));
    EXPECT_GE(pause, 1ms);
    EXPECT_LE(pause, 1s);
  }
}

}  // namespace
}  // namespace jobinit::supervise
