// Within the room: the parameters of a run, between its settings and its sinks.
#pragma once

#include "jobinit/commands/gather.hpp"

namespace jobinit::commands {

// Finds the values, and puts them into those settings that may refer to them; the command's turn is later, when it is
// known (take_parameters()). What is wrong with the values is kept apart: not every subcommand starts the job.
void assign_parameters(Gathered& gathered, std::span<const std::string> environment);

}  // namespace jobinit::commands
