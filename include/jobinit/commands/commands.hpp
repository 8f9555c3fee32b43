// The subcommands; each returns the exit code.
#pragma once

#include <span>
#include <string>

namespace jobinit::commands {

// What every subcommand gets: its arguments (without the program's and its own name) and the environment.
struct Invocation {
  std::span<const std::string> arguments;
  std::span<const std::string> environment;
  std::span<char* const> raw_arguments = {};  // the same arguments, where the kernel shows them to everybody
  std::string program = "jobinit";            // argv[0]
};

int run(const Invocation& invocation);
int check(const Invocation& invocation);
int explain(const Invocation& invocation);
int watch(const Invocation& invocation);
int schema(const Invocation& invocation);
int version(const Invocation& invocation);
// In the library jobinit_deliver: the one subcommand with a network.
int deliver(const Invocation& invocation);

}  // namespace jobinit::commands
