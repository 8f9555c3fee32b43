#include "jobinit/supervise/retry.hpp"

#include <algorithm>

namespace jobinit::supervise {
namespace {

template <typename T>
std::optional<T> sum(const std::optional<T>& a, const std::optional<T>& b) {
  return a || b ? std::optional<T>(a.value_or(T{}) + b.value_or(T{})) : std::nullopt;
}

Resources merge(const Resources& a, Resources b) {
  b.cpu_user += a.cpu_user;
  b.cpu_system += a.cpu_system;
  b.oom_kills = sum(a.oom_kills, b.oom_kills);
  b.limit_hits = sum(a.limit_hits, b.limit_hits);
  b.throttled = sum(a.throttled, b.throttled);
  b.stalled_some = sum(a.stalled_some, b.stalled_some);
  b.stalled_full = sum(a.stalled_full, b.stalled_full);
  b.pressure_notices = sum(a.pressure_notices, b.pressure_notices);
  b.peak_swap = std::max(a.peak_swap, b.peak_swap);
  b.major_faults += a.major_faults;
  b.minor_faults += a.minor_faults;
  if (!b.memory_warned_after) {
    b.memory_warned_after = a.memory_warned_after;
  }
  if (a.peak_memory > b.peak_memory) {
    b.peak_memory = a.peak_memory;
    b.peak_source = a.peak_source;
  }
  return b;
}

std::vector<StreamCounts> merge(std::vector<StreamCounts> streams, const std::vector<StreamCounts>& more) {
  for (const StreamCounts& one : more) {
    const auto same =
        std::find_if(streams.begin(), streams.end(), [&](const StreamCounts& other) { return other.name == one.name; });
    if (same == streams.end()) {
      streams.push_back(one);
      continue;
    }
    same->counts.bytes += one.counts.bytes;
    same->counts.dropped += one.counts.dropped;
  }
  return streams;
}

}  // namespace

bool worth_retrying(const RetryPolicy& policy, const Outcome& ended, unsigned attempt) {
  if (attempt > policy.retries || ended.platform_kill_at || ended.unkillable || ended.limit == Intent::timeout ||
      ended.limit == Intent::deadline) {
    return false;
  }
  const Verdict& verdict = ended.verdict;
  return policy.causes.contains(verdict.cause) ||
         (verdict.cause == Cause::failed && policy.codes.contains(verdict.job_exit_code.value_or(-1)));
}

Duration backoff(const RetryPolicy& policy, unsigned attempt, double random) {
  Duration wait = policy.backoff;
  for (unsigned i = 1; i < attempt && wait < policy.backoff_max; ++i) {
    wait *= 2;
  }
  wait = std::min(wait, policy.backoff_max);
  return wait - std::chrono::duration_cast<Duration>(wait * (random / 2));
}

Outcome merge(const Outcome& earlier, Outcome later) {
  later.started_at = earlier.started_at;
  later.resources = merge(earlier.resources, later.resources);
  later.streams = merge(earlier.streams, later.streams);
  later.reaped += earlier.reaped;
  later.leftover += earlier.leftover;
  later.killed += earlier.killed;
  return later;
}

}  // namespace jobinit::supervise
