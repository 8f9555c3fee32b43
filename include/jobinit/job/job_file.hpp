// The job file: settings, parameters and variables, baked into an image or mounted, JSON with comments.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobinit/cli/resolve.hpp"
#include "jobinit/job/parameter.hpp"
#include "jobinit/kernel/files.hpp"

namespace jobinit::job {

inline constexpr const char* kUsualJobFile = "/etc/jobinit.json";

// A variable that the job gets, before its references are looked up.
struct Variable {
  std::string name;
  std::string text;
  std::string where;
};

struct JobFile : cli::Parsed {
  std::string path;                   // as problems name it; empty: there is none
  std::vector<Parameter> parameters;  // in the order of the file
  std::vector<Variable> environment;
  bool references = false;  // "parameters" or "env" is there: ${NAME} has a meaning
};

// What the file gives. `path` empty: the usual file, whose absence is no problem; a file that was asked for must be
// there. Every problem is "FILE:LINE:COLUMN POINTER: message" (RFC 6901), or names the file alone where it has no
// place.
JobFile load_job_file(const std::string& path, const kernel::Root& root = {});

// The same from text, for tests and fuzzing; `where` stands for the file in messages.
JobFile parse_job_file(const std::string& text, const std::string& where);

// The names that a job file has besides those of settings.
inline constexpr const char* kParametersKey = "parameters";
inline constexpr const char* kEnvironmentKey = "env";
inline constexpr const char* kSchemaKey = "$schema";  // for editors
// What a parameter or a variable may be called (an ECMA 262 expression, too).
inline constexpr const char* kNamePattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";

inline constexpr std::size_t kMostNames = 1000;  // of parameters, and of variables

// The JSON Schema of job files (draft 2020-12), made of the settings table and the keywords of parameters.
std::string job_schema();

}  // namespace jobinit::job
