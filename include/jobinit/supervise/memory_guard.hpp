// By what means a job is kept to its memory limit, and how often somebody has to look at it. Pure.
//
// "Memory" is here what cannot be reclaimed: page cache makes room by itself and ends no job.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "jobinit/base/choices.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::supervise {

// What was asked for.
struct MemoryWish {
  SizeOrShare limit;  // none: what the container may use
  MemoryTier tier = MemoryTier::automatic;
  std::uint64_t reserve = 0;  // bytes of the container's limit that are not the job's
  SizeOrShare warn;           // of the job's limit
  std::uint64_t pids = 0;     // how many processes the job may have, which takes a cgroup of its own; 0: no limit
};

// What is there.
struct MemoryFacts {
  std::optional<std::uint64_t> container_limit;  // bytes
  std::uint64_t swap = 0;                        // bytes beyond it that the container may move to swap
  bool kills_group = false;                      // the kernel's OOM killer would take PID 1 with the job
  bool can_measure = false;                      // somebody can say how much memory the job uses
  std::optional<std::string> no_cgroup;          // why the job cannot have a cgroup of its own; nullopt: it can
};

// Bytes at which the guard does something; 0: never.
struct MemoryWatch {
  std::uint64_t warn = 0;   // says so, once
  std::uint64_t limit = 0;  // ends the job
  std::uint64_t brim = 0;   // SIGKILL, whatever grace there is: the kernel's OOM killer is near
  bool watching() const { return warn != 0 || limit != 0; }
};

struct MemoryPlan {
  MemoryTier tier = MemoryTier::off;   // never `automatic`
  std::uint64_t pids = 0;              // as wished; only with the tier `cgroup`
  std::optional<std::uint64_t> limit;  // bytes that the job may use; nullopt: nobody limits it
  std::optional<std::uint64_t> swap;   // tier `cgroup`: beyond it; nullopt: what the container may
  MemoryWatch watch;
  bool of_job = false;  // what is watched is the job's own use, where the container has others
  std::string note;     // what the user should know of it; empty: nothing
  std::string problem;  // why the wish cannot be met; empty: it can
};

MemoryPlan plan_memory(const MemoryWish& wish, const MemoryFacts& facts);

// One look at the job's memory.
struct MemoryUse {
  std::chrono::steady_clock::time_point when;
  std::uint64_t used = 0;  // bytes
};

// How long nobody needs to look. The nearer the limit and the faster the growth, the sooner; far from the limit looking
// costs no more than 0.2 % of a core, where one look takes `cost`.
Duration until_next_look(const MemoryWatch& watch, const MemoryUse& now, const std::optional<MemoryUse>& before,
                         Duration cost);

}  // namespace jobinit::supervise
