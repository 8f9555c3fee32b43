// The parameters of a run: what was declared, with the values that its sources give.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jobinit/job/interpolate.hpp"
#include "jobinit/job/parameter.hpp"
#include "jobinit/job/payload.hpp"

namespace jobinit::job {

// Where values come from, strongest first: the variable NAME, the file that NAME_FILE names, the payloads in their
// order, the default. A variable that is empty is as good as none.
struct Sources {
  std::span<const std::string> environment;
  std::vector<Payload> payloads;
  std::map<std::string, std::string> facts;  // "platform.index"
  std::optional<std::uint64_t> index;        // of the tasks that share the work
  std::optional<std::uint64_t> count;
  Surroundings surroundings;
};

struct Assigned {
  const Parameter* parameter = nullptr;  // outlives this
  std::optional<Value> value;
  std::string where;                  // "environment: MEDIA", "default"; empty: nowhere
  std::vector<std::string> overrode;  // weaker sources that would have had a value
};

struct Assignments {
  std::vector<Assigned> all;          // in the order of the declarations
  std::vector<std::string> problems;  // each names the parameter, what it is and an example; none holds a secret
  std::vector<std::string> secrets;   // values, and items of lists, that are nowhere to be shown

  // What ${NAME} stands for: a parameter, a fact, else a variable of `environment`. All three must outlive it.
  static Scope scope(const Assignments& assignments, const std::map<std::string, std::string>& facts,
                     std::span<const std::string> environment);
  std::vector<std::string_view> names() const;
};

Assignments assign(std::span<const Parameter> parameters, const Sources& sources);

// Secrets with the forms in which our own texts may hold them: percent-encoded, as in a URL, and as JSON writes them.
std::vector<std::string> with_encodings(std::span<const std::string> secrets);

// "***" for a secret.
std::string shown(const Assigned& assigned);

}  // namespace jobinit::job
