// Picks the subcommand; everything else is in the libraries.
#include <string_view>
#include <vector>

#include "jobinit/commands/commands.hpp"
#include "jobinit/kernel/process.hpp"

extern "C" char** environ;  // NOLINT

int main(int argc, char** argv) {
  using jobinit::commands::Invocation;
  struct Subcommand {
    std::string_view name;
    int (*run)(const Invocation&);
  };
  static constexpr Subcommand subcommands[] = {
      {"run", jobinit::commands::run},         {"explain", jobinit::commands::explain},
      {"deliver", jobinit::commands::deliver}, {"schema", jobinit::commands::schema},
      {"version", jobinit::commands::version},
  };
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) { environment.emplace_back(*entry); }

  int (*chosen)(const Invocation&) = jobinit::commands::run;
  for (const Subcommand& subcommand : subcommands) {
    if (!arguments.empty() && arguments.front() == subcommand.name) {
      chosen = subcommand.run;
      arguments.erase(arguments.begin());
      break;
    }
  }
  const int code = chosen({arguments, environment});
  jobinit::kernel::exit_now(code);
}
