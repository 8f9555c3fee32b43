// The settings table: one row a setting, and everything else (flags, environment, job file, --help, explain) comes of
// it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "jobinit/cli/settings.hpp"

namespace jobinit::cli {

enum class Section { job, parameters, launch, limits, ending, retries, exit_codes, memory, logs, report };

struct Setting {
  std::string_view flag;           // without the dashes: "stop-grace"
  std::string_view placeholder;    // what stands for the value in --help; empty: a boolean
  std::string_view default_value;  // as one would write it; empty: none
  Section section;
  std::string_view help;
  bool in_job_file = true;
  bool repeatable = false;   // may hold several values: given again, or separated by blanks or commas
  bool credentials = false;  // may hold secrets: masked when shown, not passed on to the job
  bool secret = false;       // and nothing of it is shown
  Result<void> (*assign)(Settings&, std::string_view);  // one value (of several) into its place
  void (*clear)(Settings&);                             // back to nothing, before the values of a stronger source

  bool boolean() const { return placeholder.empty(); }
  std::string env() const;  // "JOBINIT_STOP_GRACE"
  std::string key() const;  // "stop_grace", in the job file
};

std::span<const Setting> settings_table();

// Null when there is none.
const Setting* find_by_flag(std::string_view flag);
const Setting* find_by_env(std::string_view env);
const Setting* find_by_key(std::string_view key);

std::string_view section_title(Section section);

}  // namespace jobinit::cli
