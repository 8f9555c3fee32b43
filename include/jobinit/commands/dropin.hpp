// What a run does otherwise when jobinit has another init's name.
#pragma once

#include "jobinit/commands/gather.hpp"
#include "jobinit/supervise/supervisor.hpp"

namespace jobinit::commands {

// The signals that are read: by the name alone, before anything else is known.
kernel::Reach reach_of(const std::string& program);

// The signal state that the job gets, which is not always the one that was found.
void adapt(const DropIn& drop_in, kernel::SignalState& signals);
void adapt(const Gathered& gathered, supervise::RunPlan& plan);
// What the peer says of it.
void narrate(const DropIn& drop_in, const Happening& happening);
void say(const Lines& lines);

// The peer's exit code and words for a command that could not be started; false: it was another ending.
bool tell_of_failed_start(const DropIn& drop_in, const supervise::Outcome& outcome);

// Reaps until it is asked to stop (catatonit -P); the exit code.
int pause(const kernel::Fd& signalfd);

}  // namespace jobinit::commands
