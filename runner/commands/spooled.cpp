#include "jobinit/commands/spooled.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobinit/deliver/spool.hpp"

namespace jobinit::commands {
namespace {

using deliver::SpooledReport;

// Those of our sinks that lack the report. What is for a sink that is not ours stays for somebody who has it.
std::vector<std::size_t> lacking_sinks(const Gathered& gathered, const SpooledReport& spooled) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < gathered.sinks.size(); ++i) {
    const auto& names = spooled.sinks();
    if (gathered.sinks[i].kind->network() &&
        std::find(names.begin(), names.end(), gathered.sinks[i].shown) != names.end()) {
      found.push_back(i);
    }
  }
  return found;
}

std::vector<std::string> still_lacking(const Gathered& gathered, const SpooledReport& spooled,
                                       const std::vector<std::size_t>& told, const std::vector<std::size_t>& failed) {
  std::vector<std::string> names = spooled.sinks();
  for (const std::size_t sink : told) {
    if (std::find(failed.begin(), failed.end(), sink) == failed.end()) {
      std::erase(names, gathered.sinks[sink].shown);
    }
  }
  for (const std::size_t sink : failed) {  // two that are shown alike, of which one has it
    const std::string& name = gathered.sinks[sink].shown;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> lacking(const Gathered& gathered, const deliver::Event& event,
                                 const std::vector<deliver::Delivery>& deliveries) {
  std::vector<std::string> names;
  std::size_t next = 0;
  for (const deliver::Sink& sink : gathered.sinks) {
    if (!sink.filter.passes(event)) {
      continue;
    }
    const bool delivered = next < deliveries.size() && deliveries[next].delivered;
    ++next;
    if (sink.kind->network() && !delivered) {
      names.push_back(sink.shown);
    }
  }
  return names;
}

bool deliver_spooled(const Gathered& gathered, const std::string& folder, const std::function<bool()>& goes_on,
                     const SendTo& send) {
  const auto names = deliver::list_spool(folder);
  if (!names) {
    tell(fmt::format("spool: {}", names.failure().message));
    return false;
  }
  bool all = true;
  for (const std::string& name : *names) {
    if (!goes_on()) {
      return false;
    }
    auto taken = SpooledReport::take(folder, name);
    if (!taken) {
      tell(fmt::format("spool: {}", taken.failure().message));
      all = false;
      continue;
    }
    if (!*taken) {
      continue;
    }
    SpooledReport& spooled = **taken;
    const std::vector<std::size_t> sinks = lacking_sinks(gathered, spooled);
    if (sinks.empty()) {
      all = false;
      continue;
    }
    const std::vector<std::size_t> failed = send(sinks, deliver::finished_event(spooled.report()));
    const bool reached_nobody = failed.size() == sinks.size();
    if (const auto settled = spooled.settle(still_lacking(gathered, spooled, sinks, failed), kernel::Durability::disk);
        !settled) {
      tell(fmt::format("spool: {}", settled.failure().message));
    }
    if (failed.empty()) {
      tell(fmt::format("the report of run {}, kept until now, is delivered", name));
    }
    all = all && failed.empty() && spooled.sinks().empty();
    if (reached_nobody) {
      return false;
    }
  }
  return all;
}

}  // namespace jobinit::commands
