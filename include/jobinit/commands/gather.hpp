// Collects the settings from every source, for the subcommands that need them.
#pragma once

#include <chrono>
#include <vector>

#include "jobinit/cli/dropin.hpp"
#include "jobinit/cli/resolve.hpp"
#include "jobinit/commands/commands.hpp"
#include "jobinit/deliver/deliver_process.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/job/identity.hpp"
#include "jobinit/job/job_file.hpp"
#include "jobinit/job/job_spec.hpp"
#include "jobinit/platform/platform.hpp"

namespace jobinit::commands {

// jobinit by another init's name.
struct DropIn : cli::DropIn {
  const cli::Peer* peer = nullptr;
  bool asked = false;  // something of jobinit's is set; until then, nothing of jobinit is to be seen
};

struct Gathered {
  std::optional<DropIn> drop_in;
  cli::Arguments arguments;
  cli::Resolved resolved;
  platform::Platform platform;
  job::Identity identity;
  job::JobFile job_file;
  job::Assignments parameters;  // their problems are not among `problems` until take_parameters()
  job::Handover handover;
  std::vector<std::string> shown_command;                                        // without secrets
  std::vector<deliver::Sink> sinks;                                              // those that could be understood
  std::vector<std::string> sink_texts;                                           // the same, as given
  std::vector<std::string> problems;                                             // all of them, from every source
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();  // what a time of day is seen from
};

Gathered gather(const Invocation& invocation);

// What every line on stderr is masked by from here on.
void never_tell(std::span<const std::string> secrets);

// What a launch setting alone cannot say: whether it fits the image's users, jobinit's own rights, the other settings.
// For those subcommands that mean to start the job: `deliver` may run where its user is not known.
void check_launch(Gathered& gathered);

// The job's parameters, with the command that they are put into, when that is known; the same subcommands.
void take_parameters(Gathered& gathered, std::span<const std::string> environment);

// Whether there is a command at all.
void check_command(Gathered& gathered);

// Operands name the job, and are the strongest source, as any flag is. Returns where another command was given that is
// now not used; empty: nowhere.
std::string take_operands_as_command(Gathered& gathered);

// How the deliver process is started, but for what concerns PID 1 itself.
deliver::ProcessOptions process_options(const Gathered& gathered, std::span<const std::string> environment);

// With --verbose: what became of these, on stderr.
void tell_deliveries(const cli::Settings& settings, const std::vector<deliver::Delivery>& deliveries);

// "jobinit: <text>" on stderr; never blocks for long, and not at all once the time that hurry() has set is there.
void tell(const std::string& text);
// The same while the job runs: what cannot be written now is left unsaid.
void tell_at_once(const std::string& text);
void hurry(std::chrono::steady_clock::time_point not_later_than);

}  // namespace jobinit::commands
