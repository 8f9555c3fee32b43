// The causes that a run can end for. Exactly one each, the first true one.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace jobinit {

enum class Cause {
  success,       // exited by itself with a code that counts as success
  failed,        // exited by itself with any other code
  signaled,      // killed by a signal that jobinit did not send
  timeout,       // ran longer than --timeout, --deadline, --attempt-timeout or --start-timeout let it
  idle_timeout,  // wrote nothing for longer than --idle-timeout
  cpu_limit,     // used more CPU time than --cpu-timeout
  watchdog,      // gave no sign of life for longer than --watchdog
  memory_limit,  // used more memory than its limit: jobinit's guard ended it
  oom_killed,    // the kernel's OOM killer took it
  stopped,       // the platform (or whoever signalled jobinit) asked
  rejected,      // a bad setting: nothing was started
  not_started,   // exec failed
  internal,      // jobinit itself failed
  lost,          // jobinit died without a word; told by `watch`, or by the next run
};

std::string_view cause_name(Cause cause);
std::optional<Cause> cause_from_name(std::string_view name);
// In the order of the enum.
std::span<const std::string_view> cause_names();

}  // namespace jobinit
