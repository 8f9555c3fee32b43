// From what was given, by flag, environment, job file and platform, to the settings in force and where each came from.
// Pure: reads nothing but its arguments. All problems are collected, so that one run shows all of them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "jobinit/cli/table.hpp"

namespace jobinit::cli {

// In rising precedence.
enum class Source { builtin, platform, job_file, environment, flag };

// One setting as one source gives it; several texts when it is repeatable.
struct Given {
  Source source = Source::builtin;
  std::string where;  // for messages: "--timeout", "JOBINIT_TIMEOUT", "timeout in /etc/jobinit.json"
  const Setting* setting = nullptr;
  std::vector<std::string> texts;
};

struct Parsed {
  std::vector<Given> given;
  std::vector<std::string> problems;
};

// Where in the arguments a credential stands: from this letter of this argument on.
struct Place {
  std::size_t argument = 0;
  std::size_t letter = 0;
};

struct Arguments : Parsed {
  std::vector<Place> credentials;
  std::vector<std::string> operands;  // the job's command, or a subcommand's own arguments
  bool help = false;
  bool version = false;
};

// The arguments after the program's and the subcommand's name. Options end at "--" or at the first operand.
Arguments parse_arguments(std::span<const std::string> arguments);

// Every JOBINIT_* variable; names that no setting has are problems. `environment` holds NAME=value entries.
Parsed parse_environment(std::span<const std::string> environment);

// The values in one text of a repeatable setting; the text itself of any other.
std::vector<std::string> split_values(const Setting& setting, std::string_view text);

struct Resolved {
  Settings settings;
  std::map<std::string_view, Given> origin;                 // by flag: what each setting's value came from
  std::map<std::string_view, std::vector<Given>> overrode;  // and what it is stronger than, but for built-in defaults
  std::vector<std::string> problems;
};

// Applies what was given over the built-in defaults. A bad value is a problem, and leaves the next weaker source's
// standing: a refused run is still reported. Weaker sources come into force where no stronger one speaks, but are
// checked all the same: a mistake that only shows when another setting is removed is a trap.
Resolved resolve(std::vector<Given> given);

}  // namespace jobinit::cli
