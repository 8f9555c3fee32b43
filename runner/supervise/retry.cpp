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

// The tail is the last attempt's, where it wrote anything at all.
void merge(StreamLog& later, const StreamLog& earlier) {
  later.bytes += earlier.bytes;
  later.dropped += earlier.dropped;
  later.suppressed += earlier.suppressed;
  later.lines = later.lines && earlier.lines ? std::optional(*later.lines + *earlier.lines) : std::nullopt;
  later.failure = later.failure.empty() ? earlier.failure : later.failure;
}

std::vector<StreamLog> merge(const std::vector<StreamLog>& earlier, std::vector<StreamLog> later) {
  for (const StreamLog& one : earlier) {
    const auto same =
        std::find_if(later.begin(), later.end(), [&](const StreamLog& other) { return other.name == one.name; });
    if (same == later.end()) {
      later.push_back(one);
    } else {
      merge(*same, one);
    }
  }
  return later;
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
  later.streams = merge(earlier.streams, std::move(later.streams));
  later.reaped += earlier.reaped;
  later.leftover += earlier.leftover;
  later.killed += earlier.killed;
  return later;
}

}  // namespace jobinit::supervise
