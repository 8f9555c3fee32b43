// Picks the subcommand; everything else is in the libraries.
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/cli/dropin.hpp"
#include "jobinit/commands/commands.hpp"
#include "jobinit/commands/gather.hpp"
#include "jobinit/kernel/process.hpp"

extern "C" char** environ;  // NOLINT

// Without this libstdc++ links its own handler, which demangles type names: 40 KiB of program and a page of tables in
// every PID 1, for a message that nobody at 03:00 could use.
namespace __cxxabiv1 {                                              // NOLINT
extern std::terminate_handler __terminate_handler;                  // NOLINT
std::terminate_handler __terminate_handler = [] { std::abort(); };  // NOLINT
}  // namespace __cxxabiv1

int main(int argc, char** argv) {
  using jobinit::commands::Invocation;
  struct Subcommand {
    std::string_view name;
    int (*run)(const Invocation&);
  };
  static constexpr Subcommand subcommands[] = {
      {"run", jobinit::commands::run},         {"explain", jobinit::commands::explain},
      {"check", jobinit::commands::check},     {"deliver", jobinit::commands::deliver},
      {"schema", jobinit::commands::schema},   {"watch", jobinit::commands::watch},
      {"version", jobinit::commands::version},
  };
  std::span<char* const> raw(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment.emplace_back(*entry);
  }

  const std::string program = argc > 0 ? argv[0] : "jobinit";
  // Another init knows no subcommands: what it is called with is a command.
  const bool own_name = jobinit::cli::find_peer(program) == nullptr;
  int (*chosen)(const Invocation&) = jobinit::commands::run;
  for (const Subcommand& subcommand : subcommands) {
    if (own_name && !raw.empty() && raw.front() == subcommand.name) {
      chosen = subcommand.run;
      raw = raw.subspan(1);
      break;
    }
  }
  int code = 125;
  try {
    const std::vector<std::string> arguments(raw.begin(), raw.end());
    code = chosen({arguments, environment, raw, program});
  } catch (const std::exception& failure) {  // out of memory before the job was there, most likely
    jobinit::commands::tell(failure.what());
  }
  jobinit::kernel::exit_now(code);
}
