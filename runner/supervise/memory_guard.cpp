#include "jobinit/supervise/memory_guard.hpp"

#include <algorithm>
#include <array>

namespace jobinit::supervise {
namespace {

using namespace std::chrono_literals;

// What a job is reckoned to allocate a second until it is seen to be faster: about what one core can touch.
constexpr double kFastestGrowth = 4.0 * (1U << 30U);
// A faster job than that goes on growing faster while nobody looks.
constexpr double kSurge = 2;
constexpr Duration kShortestPause = 1ms;
constexpr Duration kLongestPause = 1s;
// At most one part in so many of a core: far from the limit, and near to it.
constexpr int kFarShare = 500;
constexpr int kNearShare = 10;
// But what is saved there is not worth being late: the pause is at most so much longer than what is safe for the
// fastest job that is reckoned with.
constexpr int kMostRisk = 4;
// What the job may use beyond its limit during its grace, where the container has room.
constexpr std::uint64_t kGraceShare = 8;
constexpr std::uint64_t kReserveShare = 8;

struct Room {
  std::uint64_t ram = 0;   // for the job, in the container
  std::uint64_t job = 0;   // with what may be in swap
  std::uint64_t brim = 0;  // nearer than this to the container's limit the kernel's OOM killer may come any moment
};

std::optional<Room> room_in(const MemoryFacts& facts, std::uint64_t wished_reserve) {
  if (!facts.container_limit) {
    return std::nullopt;
  }
  const std::uint64_t reserve = std::min(wished_reserve, *facts.container_limit / kReserveShare);
  const std::uint64_t whole = *facts.container_limit + facts.swap;
  return Room{*facts.container_limit - reserve, whole - reserve, whole - reserve / 2};
}

std::uint64_t brim(std::uint64_t limit, const std::optional<Room>& room) {
  const std::uint64_t over = limit + limit / kGraceShare;
  return room ? std::clamp(over, limit, std::max(limit, room->brim)) : over;
}

MemoryPlan refuse(std::string why) {
  MemoryPlan plan;
  plan.problem = std::move(why);
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const MemoryWish& wish, const MemoryFacts& facts) {
  if (wish.limit.share > 0 && !facts.container_limit) {
    return refuse(fmt::format("memory: {} of what? This container has no memory limit; give a size, such as 512M",
                              human_size(wish.limit)));
  }
  const std::optional<Room> room = room_in(facts, wish.reserve);
  const std::optional<std::uint64_t> own = wish.limit.of(facts.container_limit);
  MemoryPlan plan;
  const bool own_counts = own && (!facts.container_limit || *own < *facts.container_limit);
  if (own && !own_counts && *own > *facts.container_limit) {
    plan.note = fmt::format("memory: {} is more than the container may use, so that its limit of {} counts",
                            human_size(*own), human_size(*facts.container_limit));
  }
  // What the job may have when somebody other than the kernel at the container's limit sees to it.
  std::optional<std::uint64_t> enforced = own_counts ? own : std::nullopt;
  if (room) {
    enforced = std::min(enforced.value_or(room->job), room->job);
  }
  const bool asks_cgroup = wish.tier == MemoryTier::cgroup;
  const bool asks_guard = wish.tier == MemoryTier::guard;
  if (wish.pids > 0 && facts.no_cgroup) {
    return refuse(fmt::format("pids: the job cannot have a cgroup of its own: {}", *facts.no_cgroup));
  }
  if (wish.pids > 0 && (asks_guard || wish.tier == MemoryTier::off)) {
    return refuse("pids: only a cgroup limits processes; leave --memory-tier at auto, or set it to cgroup");
  }
  if (asks_cgroup && facts.no_cgroup) {
    return refuse(fmt::format("memory-tier: the job cannot have a cgroup of its own: {}", *facts.no_cgroup));
  }
  if ((asks_guard || (asks_cgroup && wish.pids == 0)) && !enforced) {
    return refuse("memory-tier: there is no limit to enforce; give --memory, or the container one");
  }
  const bool guard_is_needed = own_counts || facts.kills_group;
  const bool divides = asks_cgroup || wish.pids > 0;
  if (divides || (wish.tier == MemoryTier::automatic && enforced && !facts.no_cgroup)) {
    plan.tier = MemoryTier::cgroup;
  } else if (asks_guard || (wish.tier == MemoryTier::automatic && enforced && guard_is_needed)) {
    plan.tier = MemoryTier::guard;
  }
  plan.limit = plan.tier == MemoryTier::off ? facts.container_limit : enforced;
  if (plan.tier == MemoryTier::cgroup) {
    // The kernel limits memory and swap apart. A limit of the job's own is one of both together, as the guard keeps it.
    plan.limit = room ? std::optional(std::min(enforced.value_or(room->ram), room->ram)) : enforced;
    plan.swap = own_counts ? std::optional<std::uint64_t>(0) : std::nullopt;
  }
  if (wish.tier == MemoryTier::off && own_counts) {
    return refuse("memory: with --memory-tier off nobody would enforce it");
  }
  plan.of_job = own_counts || !facts.container_limit;
  plan.pids = wish.pids;
  if (plan.tier == MemoryTier::guard) {
    plan.watch.limit = *enforced;
    plan.watch.brim = brim(*enforced, room);
  }
  plan.watch.warn = wish.warn.of(plan.limit).value_or(0);
  if (!wish.warn.none() && plan.watch.warn == 0) {
    plan.note = fmt::format("memory-warn: {} of no limit is nothing to warn of", human_size(wish.warn));
  }
  if (plan.watch.watching() && !facts.can_measure) {
    plan.watch = {};
    const std::string why = "nobody can say how much memory the job uses: there is neither a memory cgroup nor /proc";
    if (asks_guard || own_counts) {
      return refuse("memory: " + why);
    }
    plan.tier = plan.tier == MemoryTier::guard ? MemoryTier::off : plan.tier;
    plan.note = "memory: " + why;
  }
  return plan;
}

Duration until_next_look(const MemoryWatch& watch, const MemoryUse& now, const std::optional<MemoryUse>& before,
                         Duration cost) {
  // The threshold that comes next; beyond all of them nothing can come any more, and looking goes on as near to one.
  const std::array thresholds{watch.warn, watch.limit, watch.brim};
  std::optional<std::uint64_t> next;
  for (const std::uint64_t one : thresholds) {
    if (one > now.used) {
      next = std::min(next.value_or(one), one);
    }
  }
  const auto left = static_cast<double>(next.value_or(now.used) - now.used);
  double growth = kFastestGrowth;
  if (before && now.when > before->when && now.used > before->used) {
    const std::chrono::duration<double> passed = now.when - before->when;
    growth = std::max(growth, kSurge * static_cast<double>(now.used - before->used) / passed.count());
  }
  const bool far = next && left > static_cast<double>(*next) / 2;
  using Seconds = std::chrono::duration<double>;
  const auto pause = std::chrono::duration_cast<Duration>(std::min(Seconds(left / growth), Seconds(kLongestPause)));
  const Duration affordable =
      std::min<Duration>(std::min<Duration>(cost, kLongestPause) * (far ? kFarShare : kNearShare), pause * kMostRisk);
  return std::clamp<Duration>(std::max(pause, affordable), kShortestPause, kLongestPause);
}

}  // namespace jobinit::supervise
