#include "jobinit/supervise/memory_witness.hpp"

#include <algorithm>

namespace jobinit::supervise {

MemoryWitness::MemoryWitness(const std::set<pid_t>& known) : group_(kernel::MemoryCgroup::find()) {
  if (!group_) {
    return;
  }
  oom_kills_before_ = group_->oom_kills();
  exclusive_ = group_->exclusive(known);
  peak_before_ = group_->peak();
}

void MemoryWitness::look() {
  if (!group_) {
    return;
  }
  resources_.memory_limit = group_->limit();
  const auto now = group_->oom_kills();
  if (now && oom_kills_before_) {
    resources_.oom_kills = *now - std::min(*now, *oom_kills_before_);
  }
  // In a group shared with strangers the peak is theirs as much as ours; the largest process of our own is not. A peak
  // that did not rise was reached before the job: by whatever set the container up, or, where v1 hides them from a pid
  // namespace, by strangers after all.
  if (const auto peak = exclusive_ ? group_->peak() : std::nullopt; peak && peak > peak_before_) {
    resources_.peak_memory = peak;
    resources_.peak_source = PeakSource::cgroup;
  }
}

void MemoryWitness::add(const kernel::Usage& usage) {
  resources_.cpu_user += usage.user;
  resources_.cpu_system += usage.system;
  if (resources_.peak_source != PeakSource::cgroup) {
    resources_.peak_memory = std::max(resources_.peak_memory.value_or(0), usage.max_resident);
    resources_.peak_source = PeakSource::process;
  }
}

}  // namespace jobinit::supervise
