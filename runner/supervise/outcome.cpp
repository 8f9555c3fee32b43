#include "jobinit/supervise/outcome.hpp"

#include <csignal>

namespace jobinit::supervise {
namespace {

constexpr int kSignalBase = 128;
constexpr int kTimeoutCode = 124;  // as timeout(1) does
constexpr int kOwnFailureCode = 125;

int conventional_code(const kernel::WaitStatus& status) {
  return status.signaled ? kSignalBase + status.value : status.value;
}

Cause cause_of(Intent intent) {
  switch (intent) {
    case Intent::timeout:
    case Intent::deadline:
    case Intent::attempt_timeout:
    case Intent::start_timeout: return Cause::timeout;
    case Intent::watchdog: return Cause::watchdog;
    case Intent::idle_timeout: return Cause::idle_timeout;
    case Intent::cpu_limit: return Cause::cpu_limit;
    case Intent::memory_limit: return Cause::memory_limit;
    case Intent::stop: return Cause::stopped;
  }
  return Cause::internal;
}

OomEvidence oom_evidence(const Facts& facts, const kernel::WaitStatus& status) {
  if (facts.intent || facts.oom_kills == 0) {
    return OomEvidence::none;
  }
  // A shell tells of its child's SIGKILL by this code, and the counter says whose SIGKILL that was.
  if (!status.signaled) {
    return status.value == kSignalBase + SIGKILL ? OomEvidence::exit_code : OomEvidence::none;
  }
  // Nothing of ours was out, so this SIGKILL came from elsewhere: the kernel's own counter says whether it was its.
  if (status.value != SIGKILL || facts.oom_kills_at_end == 0) {
    return OomEvidence::none;
  }
  return facts.oom_kills_at_end ? OomEvidence::at_end : OomEvidence::during_run;
}

Cause cause_of(const Facts& facts, const kernel::WaitStatus& status, const ExitPolicy& policy) {
  if (facts.intent) {
    return cause_of(*facts.intent);
  }
  if (oom_evidence(facts, status) != OomEvidence::none) {
    return Cause::oom_killed;
  }
  if (!status.signaled) {
    return policy.success_codes.contains(status.value) ? Cause::success : Cause::failed;
  }
  return facts.forwarded.contains(status.value) ? Cause::stopped : Cause::signaled;
}

int finish(Cause cause, int code, const ExitPolicy& policy) {
  const auto wanted = policy.by_cause.find(std::string(cause_name(cause)));
  if (wanted != policy.by_cause.end()) {
    code = wanted->second;
  }
  const auto mapped = policy.remap.find(code);
  return mapped == policy.remap.end() ? code : mapped->second;
}

}  // namespace

Verdict judge(const Facts& facts, const ExitPolicy& policy) {
  if (!facts.status && !facts.unkillable) {
    return judge(Cause::internal, kOwnFailureCode, policy);
  }
  Verdict verdict;
  // A main process that SIGKILL did not end was ended by us, as far as anybody can tell.
  const kernel::WaitStatus status = facts.status.value_or(kernel::WaitStatus{true, SIGKILL, false});
  verdict.cause = cause_of(facts, status, policy);
  verdict.oom_evidence = oom_evidence(facts, status);
  if (facts.status) {
    (status.signaled ? verdict.signal : verdict.job_exit_code) = status.value;
  }
  int code = conventional_code(status);
  if (facts.intent == Intent::memory_limit) {
    code = kSignalBase + SIGKILL;  // what everybody knows an end by memory by
  } else if (facts.intent && *facts.intent != Intent::stop) {
    code = kTimeoutCode;
  }
  verdict.exit_code = finish(verdict.cause, code, policy);
  return verdict;
}

Verdict judge(Cause cause, int exit_code, const ExitPolicy& policy) {
  Verdict verdict;
  verdict.cause = cause;
  verdict.exit_code = finish(cause, exit_code, policy);
  return verdict;
}

}  // namespace jobinit::supervise
