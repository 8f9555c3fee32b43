#include "jobinit/job/parameters.hpp"

#include <algorithm>
#include <set>

#include "jobinit/base/environment.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/job/integer_range.hpp"
#include "jobinit/job/url.hpp"

namespace jobinit::job {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;

// A value before it is judged, and where it was.
struct Candidate {
  std::string where;
  std::optional<Json> json;  // as a payload or a default has it
  std::string text;
  std::string problem;  // it could not even be read
  bool is_default = false;
};

std::string example_part(const Parameter& parameter) {
  std::string example = example_of(parameter);
  return example.empty() ? "" : fmt::format("; for example {}", printable(example));
}

// "MEDIA: must be one of a, b, not "c" (environment: MEDIA). The ad network; for example a"
std::string problem_text(const Parameter& parameter, std::string_view what) {
  std::string text = fmt::format("{}: {}", parameter.name, what);
  const std::string example = example_part(parameter);
  if (!parameter.description.empty()) {
    text += fmt::format("{} {}", text.ends_with('?') ? "" : ".", printable(parameter.description, 400));
  }
  return text + example;
}

class Assigner {
 public:
  Assigner(std::span<const Parameter> parameters, const Sources& sources)
      : parameters_(parameters), sources_(sources) {}

  Assignments operator()() {
    for (const Parameter& parameter : parameters_) {
      result_.all.push_back({&parameter, std::nullopt, "", {}});
    }
    states_.resize(parameters_.size());
    for (std::size_t at = 0; at < parameters_.size(); ++at) {
      assign(at);
    }
    return std::move(result_);
  }

 private:
  enum class State { untouched, busy, done };

  void assign(std::size_t at) {
    if (states_[at] != State::untouched) {
      return;  // done; or its own default leads back to it, which the job file's check tells
    }
    states_[at] = State::busy;
    const Parameter& parameter = parameters_[at];
    Assigned& assigned = result_.all[at];
    std::vector<Candidate> candidates = gather(parameter);
    if (parameter.default_value) {
      candidates.push_back({"default", *parameter.default_value, "", "", true});
    }
    for (std::size_t i = 1; i < candidates.size(); ++i) {
      assigned.overrode.push_back(candidates[i].where);
    }
    if (!candidates.empty()) {
      take(parameter, candidates.front(), assigned);
    } else if (parameter.required) {
      add_problem(parameter, missing(parameter));
    }
    states_[at] = State::done;
  }

  void add_problem(const Parameter& parameter, std::string_view what) {
    failed_.insert(parameter.name);
    result_.problems.push_back(problem_text(parameter, what));
  }

  // Whether a default can only be wrong because something else is, which is told by itself.
  bool hangs_on_failed(const Json& value) const {
    if (value.is_array()) {
      return std::any_of(value.begin(), value.end(), [&](const Json& item) { return hangs_on_failed(item); });
    }
    const auto names =
        value.is_string() ? references_in(value.get_ref<const std::string&>()) : std::vector<std::string>();
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return failed_.contains(name); });
  }

  std::vector<Candidate> gather(const Parameter& parameter) const {
    std::vector<Candidate> found;
    const auto variable = lookup(sources_.environment, parameter.name);
    if (variable && !variable->empty()) {
      found.push_back({fmt::format("environment: {}", parameter.name), std::nullopt, std::string(*variable), ""});
    }
    const std::string file_name = parameter.name + "_FILE";
    const auto file = lookup(sources_.environment, file_name);
    if (file && !file->empty()) {
      found.push_back(from_file(file_name, std::string(*file)));
    }
    for (const Payload& payload : sources_.payloads) {
      if (const auto value = payload.find(parameter)) {
        found.push_back({fmt::format("{} in {}", pointer_text(value->path), payload.where), *value->value, "", ""});
      }
    }
    return found;
  }

  Candidate from_file(const std::string& variable, const std::string& path) const {
    Candidate candidate{fmt::format("file: {}", variable), std::nullopt, "", ""};
    auto content = kernel::read_file(path.starts_with('/') ? sources_.surroundings.root(path) : path, kLargestFile);
    if (!content) {
      candidate.problem = content.failure().message;
      return candidate;
    }
    // An editor's or `echo`'s, which nobody means.
    if (content->ends_with('\n')) {
      content->pop_back();
    }
    if (content->ends_with('\r')) {
      content->pop_back();
    }
    candidate.text = std::move(*content);
    return candidate;
  }

  std::string missing(const Parameter& parameter) const {
    std::vector<std::string_view> others;
    for (const Payload& payload : sources_.payloads) {
      for (const std::string_view name : payload.names()) {
        if (!is_declared(name)) {
          others.push_back(name);
        }
      }
    }
    for (const std::string& entry : sources_.environment) {
      const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
      if (!is_declared(name)) {
        others.push_back(name);
      }
    }
    const std::string_view near = nearest(parameter.name, others);
    return near.empty() ? fmt::format("missing; set the variable {0}, or {0}_FILE", parameter.name)
                        : fmt::format("missing; there is {1}: did you mean {0}?", parameter.name, printable(near));
  }

  bool is_declared(std::string_view name) const {
    return std::any_of(parameters_.begin(), parameters_.end(),
                       [&](const Parameter& parameter) { return parameter.name == name; });
  }

  // A text of a default with other parameters in it.
  Result<std::string> computed(const Parameter& parameter, std::string_view text) {
    for (const std::string& name : references_in(text)) {
      for (std::size_t at = 0; at < parameters_.size(); ++at) {
        if (parameters_[at].name == name) {
          assign(at);
        }
      }
    }
    const auto names = result_.names();
    auto done = interpolate(text, Assignments::scope(result_, sources_.facts, sources_.environment), Use::plain, names);
    if (!done) {
      return done.failure();
    }
    if (done->secret && !parameter.secret) {
      return error("it holds a secret, and so must be one: \"secret\": true");
    }
    return std::move(done->text);
  }

  Result<Json> computed_json(const Parameter& parameter, const Json& value) {
    if (parameter.type == Type::json) {
      return value;
    }
    if (value.is_string()) {
      auto text = computed(parameter, value.get_ref<const std::string&>());
      return text ? Result<Json>(Json(std::move(*text))) : text.failure();
    }
    if (!value.is_array()) {
      return value;
    }
    Json array = Json::array();
    for (const Json& item : value) {
      if (!item.is_string()) {
        array.push_back(item);
        continue;
      }
      auto text = computed(parameter, item.get_ref<const std::string&>());
      if (!text) {
        return text.failure();
      }
      array.push_back(std::move(*text));
    }
    return array;
  }

  void take(const Parameter& parameter, Candidate& candidate, Assigned& assigned) {
    assigned.where = candidate.where;
    if (!candidate.problem.empty()) {
      add_problem(parameter, fmt::format("{} ({})", candidate.problem, candidate.where));
      return;
    }
    if (candidate.is_default) {
      auto value = computed_json(parameter, *candidate.json);
      if (!value && hangs_on_failed(*candidate.json)) {
        failed_.insert(parameter.name);
        return;
      }
      if (!value) {
        add_problem(parameter, fmt::format("its default: {}", value.failure().message));
        return;
      }
      candidate.json = std::move(*value);
    }
    auto value = candidate.json ? read_json_value(parameter, *candidate.json, sources_.surroundings)
                                : read_value(parameter, candidate.text, sources_.surroundings);
    if (!value) {
      const bool text = !candidate.json || candidate.json->is_string();
      const std::string given = candidate.json
                                    ? (text ? candidate.json->get<std::string>()
                                            : candidate.json->dump(-1, ' ', false, Json::error_handler_t::replace))
                                    : candidate.text;
      const std::string got =
          parameter.secret ? " (its value is a secret)" : fmt::format(", not \"{}\"", printable(given));
      add_problem(parameter, fmt::format("{}{} ({})", value.failure().message, got, candidate.where));
      note_secret(parameter, {given, {}});  // though it is wrong, it may be half right
      return;
    }
    if (parameter.shard && !cut(parameter, *value)) {
      return;
    }
    note_secret(parameter, *value);
    assigned.value = std::move(*value);
  }

  // Of a secret that is JSON, every text is one by itself.
  void note_texts(const Json& value) {  // NOLINT(misc-no-recursion): no deeper than JSON is read
    if (value.is_string()) {
      result_.secrets.push_back(value.get<std::string>());
    } else if (value.is_structured()) {
      for (const Json& inner : value) {
        note_texts(inner);
      }
    }
  }

  void note_secret(const Parameter& parameter, const Value& value) {
    if (!parameter.secret) {
      return;
    }
    for (const std::string& secret : value.items) {
      result_.secrets.push_back(secret);
    }
    if (!value.text.empty()) {
      result_.secrets.push_back(value.text);
    }
    if (parameter.type == Type::json) {
      note_texts(typed(parameter, value));
    }
  }

  // Leaves this task's part. False: there is a problem.
  bool cut(const Parameter& parameter, Value& value) {
    if (!sources_.index && !sources_.count) {
      return true;  // one task alone does everything
    }
    if (!sources_.index || !sources_.count) {
      add_problem(parameter, fmt::format("cannot be split: JOBINIT_{} is not known here; set it",
                                         sources_.index ? "COUNT" : "INDEX"));
      return false;
    }
    const std::uint64_t index = *sources_.index;
    const std::uint64_t count = *sources_.count;
    if (index >= count) {
      return false;  // which the settings' check tells
    }
    bool nothing = false;
    if (parameter.type == Type::range) {
      const auto range = parse_range(value.text);
      const auto part = range ? part_of(*range, index, count) : std::nullopt;
      nothing = !part;
      value.text = part ? range_text(*part) : "";
    } else {
      const Share share = share_of(value.items.size(), index, count);
      const auto first = value.items.begin() + static_cast<std::ptrdiff_t>(share.first);
      value.items = std::vector(first, first + static_cast<std::ptrdiff_t>(share.size));
      nothing = share.size == 0;
      value.text = fmt::format("{}", fmt::join(value.items, parameter.separator));
    }
    if (nothing) {
      add_problem(parameter, fmt::format("nothing of it is left for task {} of {}: start fewer tasks", index, count));
    }
    return !nothing;
  }

  std::span<const Parameter> parameters_;
  const Sources& sources_;
  Assignments result_;
  std::vector<State> states_;
  std::set<std::string> failed_;
};

}  // namespace

Scope Assignments::scope(const Assignments& assignments, const std::map<std::string, std::string>& facts,
                         std::span<const std::string> environment) {
  return [&assignments, &facts, environment](std::string_view name) {
    Meaning meaning;
    for (const Assigned& one : assignments.all) {
      if (one.parameter->name == name) {
        meaning.state = one.value ? Meaning::known : Meaning::without_value;
        meaning.list = one.parameter->type == Type::list;
        meaning.url = one.parameter->type == Type::url;
        meaning.secret = one.parameter->secret;
        meaning.allow_in_argv = one.parameter->allow_in_argv;
        if (one.value) {
          meaning.text = one.value->text;
          meaning.items = one.value->items;
        }
        return meaning;
      }
    }
    if (name.starts_with("platform.")) {
      const auto fact = facts.find(std::string(name));
      if (fact != facts.end()) {
        meaning.state = fact->second.empty() ? Meaning::without_value : Meaning::known;
        meaning.text = fact->second;
      }
      return meaning;
    }
    if (const auto variable = lookup(environment, name)) {
      meaning.state = Meaning::known;
      meaning.text = *variable;
    }
    return meaning;
  };
}

std::vector<std::string_view> Assignments::names() const {
  std::vector<std::string_view> names;
  for (const Assigned& one : all) {
    names.push_back(one.parameter->name);
  }
  return names;
}

Assignments assign(std::span<const Parameter> parameters, const Sources& sources) {
  return Assigner(parameters, sources)();
}

std::vector<std::string> with_encodings(std::span<const std::string> secrets) {
  std::set<std::string> forms;
  for (const std::string& secret : secrets) {
    const std::string quoted = Json(secret).dump(-1, ' ', false, Json::error_handler_t::replace);
    forms.insert({secret, percent_encoded(secret), quoted.substr(1, quoted.size() - 2)});
  }
  return {forms.begin(), forms.end()};
}

std::string shown(const Assigned& assigned) {
  if (!assigned.value) {
    return "";
  }
  return assigned.parameter->secret ? "***" : assigned.value->text;
}

}  // namespace jobinit::job
