// Whether a job that ended is started again, and when. Pure.
#pragma once

#include "jobinit/supervise/outcome.hpp"

namespace jobinit::supervise {

struct RetryPolicy {
  unsigned retries = 0;  // after the first attempt
  std::set<Cause> causes;
  std::set<int> codes;  // the job's own exit codes
  Duration backoff{};
  Duration backoff_max{};
};

// `attempt` counts from 1. Never after a stop request, even one that came when the job had ended by itself, nor after
// the limits that hold for all attempts: the timeout and the deadline.
bool worth_retrying(const RetryPolicy& policy, const Outcome& ended, unsigned attempt);

// The wait before attempt number `attempt` + 1: doubled each time up to the most, of which a random half is left out,
// so that jobs that failed together do not come back together. `random` in [0, 1).
Duration backoff(const RetryPolicy& policy, unsigned attempt, double random);

// One outcome of an earlier attempt and a later one: the later one's ending, and what both have used.
Outcome merge(const Outcome& earlier, Outcome later);

}  // namespace jobinit::supervise
