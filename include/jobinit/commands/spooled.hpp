// Delivering what a spool holds, for the next run and for `jobinit deliver --spool`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "jobinit/commands/gather.hpp"
#include "jobinit/deliver/event.hpp"

namespace jobinit::commands {

// Delivers an event to these sinks (indexes into Gathered::sinks), and gives those that have not got it.
using SendTo =
    std::function<std::vector<std::size_t>(const std::vector<std::size_t>& sinks, const deliver::Event& event)>;

// Goes through the spool, the oldest first, until `goes_on` says no more or a report reaches nobody, which is when the
// network is down. False when something is still there that could not be delivered.
bool deliver_spooled(const Gathered& gathered, const std::string& folder, const std::function<bool()>& goes_on,
                     const SendTo& send);

// Of what deliver_all() has made of the event: the network sinks, as they are shown, that lack it. Without deliveries,
// all that want it.
std::vector<std::string> lacking(const Gathered& gathered, const deliver::Event& event,
                                 const std::vector<deliver::Delivery>& deliveries);

}  // namespace jobinit::commands
