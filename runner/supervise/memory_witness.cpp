#include "jobinit/supervise/memory_witness.hpp"

#include <algorithm>

#include "jobinit/kernel/cgroup_delegation.hpp"
#include "jobinit/kernel/process.hpp"

namespace jobinit::supervise {
namespace {

// Counters only grow, but a job may have moved us to another group meanwhile.
template <typename T>
std::optional<T> since(const std::optional<T>& before, const std::optional<T>& now) {
  return before && now ? std::optional(*now - std::min(*now, *before)) : std::nullopt;
}

std::string why_no_cgroup() {
  const auto place = kernel::find_cgroup("memory");
  return place ? "it cannot be found" : place.failure().message;
}

}  // namespace

MemoryFacts look_at_container(const std::optional<kernel::MemoryCgroup>& group, bool wished, bool asked) {
  MemoryFacts facts;
  facts.can_measure = group || kernel::has_procfs();
  if (group) {
    facts.container_limit = group->limit();
  }
  if (!facts.container_limit && !wished) {
    facts.no_cgroup = "nobody needs one";  // and so nobody looks
    return facts;
  }
  if (!group) {
    facts.no_cgroup = why_no_cgroup();
    return facts;
  }
  if (const auto reason = kernel::why_not_ours(group->place(), asked, {})) {
    facts.no_cgroup = reason->message;
  }
  if (facts.container_limit) {
    facts.swap = group->swap_room();
    facts.kills_group = group->kills_group() && !kernel::is_spared_by_oom_killer();
  }
  return facts;
}

MemoryWitness::MemoryWitness(std::optional<kernel::MemoryCgroup> group, const std::set<pid_t>& known)
    : group_(std::move(group)) {
  if (!group_) {
    return;
  }
  before_ = group_->counters();
  exclusive_ = group_->exclusive(known);
  peak_before_ = group_->peak();
  swap_before_ = group_->peak_swap();
}

MemoryWitness::MemoryWitness(const kernel::JobCgroup& group)
    : group_(kernel::MemoryCgroup::at(group.version(), group.folder())), exclusive_(true) {
  before_ = group_->counters();
  peak_before_ = 0;
  swap_before_ = 0;
}

void MemoryWitness::watch_for_kills() {
  seen_ = outlived_ = before_.oom_kills.value_or(0);
  looked_ = std::chrono::steady_clock::now();
  if (group_) {
    notices_ = group_->notices();
    kills_ = kernel::Probe(group_->oom_file());
  }
}

bool MemoryWitness::see_whether_killed() {
  kernel::Probe::Buffer buffer;
  const std::uint64_t now = kernel::number_behind(kills_.look(buffer), "oom_kill ").value_or(seen_);
  looked_ = std::chrono::steady_clock::now();
  return std::exchange(seen_, now) != now;
}

std::optional<std::uint64_t> MemoryWitness::kills_at_end() {
  // Whoever looked this short a time ago needs no notice: nothing else can have been meant.
  static constexpr auto recent = std::chrono::seconds(1);
  const bool recently = std::chrono::steady_clock::now() - looked_ < recent;
  see_whether_killed();
  const std::uint64_t kills = exclusive_ ? seen_ - std::min(seen_, outlived_) : 0;
  return notices_ || recently ? std::optional(kills) : std::nullopt;
}

const std::string* MemoryWitness::measured_folder(bool by_job) const {
  if (!group_ || (by_job && !exclusive_)) {
    return nullptr;
  }
  // A limit above may be shared with others: it counts all of them, a limit of the job's own only us.
  return by_job ? &group_->folders().front() : &group_->limiting_folder();
}

void MemoryWitness::prepare_to_measure(bool by_job) {
  if (const std::string* folder = measured_folder(by_job)) {
    meter_ = kernel::MemoryMeter::open(group_->version(), *folder);
  }
}

kernel::Fd MemoryWitness::pressure_notices(bool by_job) const {
  const std::string* folder = measured_folder(by_job);
  return folder != nullptr ? group_->pressure_notices(*folder) : kernel::Fd();
}

void MemoryWitness::look() {
  if (!group_) {
    return;
  }
  const kernel::MemoryCounters now = group_->counters();
  resources_.oom_kills = since(before_.oom_kills, now.oom_kills);
  resources_.limit_hits = since(before_.limit_hits, now.limit_hits);
  resources_.throttled = since(before_.throttled, now.throttled);
  resources_.stalled_some = since(before_.stalled_some, now.stalled_some);
  resources_.stalled_full = since(before_.stalled_full, now.stalled_full);
  // In a group shared with strangers the peak is theirs as much as ours; the largest process of our own is not. A peak
  // that did not rise was reached before the job: by whatever set the container up, or, where v1 hides them from a pid
  // namespace, by strangers after all.
  if (const auto peak = exclusive_ ? group_->peak() : std::nullopt; peak && peak > peak_before_) {
    resources_.peak_memory = peak;
    resources_.peak_source = PeakSource::cgroup;
  }
  // A job that has used none is told from one that stayed below what had been used before it.
  if (const auto peak = exclusive_ ? group_->peak_swap() : std::nullopt; peak == 0U || peak > swap_before_) {
    resources_.peak_swap = peak;
  }
}

void MemoryWitness::add(const kernel::Usage& usage) {
  resources_.cpu_user += usage.user;
  resources_.cpu_system += usage.system;
  resources_.major_faults += usage.major_faults;
  resources_.minor_faults += usage.minor_faults;
  if (resources_.peak_source != PeakSource::cgroup) {
    resources_.peak_memory = std::max(resources_.peak_memory.value_or(0), usage.max_resident);
    resources_.peak_source = PeakSource::process;
  }
}

}  // namespace jobinit::supervise
