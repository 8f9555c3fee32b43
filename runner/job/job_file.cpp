#include "jobinit/job/job_file.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "jobinit/base/pattern.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/job/interpolate.hpp"
#include "jobinit/job/parameter_keywords.hpp"

namespace jobinit::job {
namespace {

// More of them than anybody corrects in one go; each takes the time to read the file once.
constexpr std::size_t kMostFaults = 50;

std::string scalar_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool is_scalar(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }

// The texts that a flag would have given; nullopt: a value of a kind that the setting cannot have.
std::optional<std::vector<std::string>> texts_of(const cli::Setting& setting, const Json& value) {
  if (is_scalar(value)) {
    return cli::split_values(setting, scalar_text(value));
  }
  if (setting.placeholder == "COMMAND" && value.is_array()) {
    return std::vector{value.dump()};
  }
  if (!setting.repeatable) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  if (value.is_array()) {
    for (const Json& item : value) {
      if (!is_scalar(item)) {
        return std::nullopt;
      }
      texts.push_back(scalar_text(item));
    }
    return texts;
  }
  if (value.is_object()) {  // {"timeout": 75} is timeout=75
    for (const auto& [key, item] : value.items()) {
      if (!is_scalar(item)) {
        return std::nullopt;
      }
      texts.push_back(key + "=" + scalar_text(item));
    }
    return texts;
  }
  return std::nullopt;
}

std::string unknown_key(const std::string& key) {
  std::vector<std::string> known{kParametersKey, kEnvironmentKey, kSchemaKey};
  for (const cli::Setting& setting : cli::settings_table()) {
    if (setting.in_job_file) {
      known.push_back(setting.key());
    }
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = nearest(key, candidates);
  return near.empty() ? fmt::format("no such setting \"{}\"", printable(key))
                      : fmt::format("no such setting \"{}\"; did you mean \"{}\"?", printable(key), near);
}

class Reading {
 public:
  Reading(const std::string& text, const std::string& where) : text_(text), where_(where) {}

  JobFile operator()() {
    file_.path = where_;
    const auto document = read_json(text_, Comments::allowed);
    if (!document) {
      file_.problems.push_back(fmt::format("{}: {}", where_, document.failure().message));
      return std::move(file_);
    }
    if (!document->is_object()) {
      file_.problems.push_back(fmt::format("{}: must be a JSON object such as {{\"timeout\": \"15m\"}}", where_));
      return std::move(file_);
    }
    for (const Duplicate& one : duplicate_names(text_)) {
      tell(one.place.key, one.path, "is there twice");
    }
    for (auto& [path, place] : locate_all(text_, 2)) {
      order_.emplace(path, order_.size());
      places_[std::move(path)] = place;
    }
    for (const auto& [key, value] : document->items()) {
      member(key, value, places_[{key}]);
    }
    check_references();
    return std::move(file_);
  }

 private:
  static std::string at(const Position& position) { return fmt::format("{}:{}", position.line, position.column); }
  std::string place_text(const Position& position, const Path& path) const {
    return fmt::format("{}:{} {}", where_, at(position), pointer_text(path));
  }

  void tell(const Position& position, const Path& path, std::string_view message) {
    ++told_;
    if (told_ <= kMostFaults) {
      file_.problems.push_back(fmt::format("{}: {}", place_text(position, path), message));
    } else if (told_ == kMostFaults + 1) {
      file_.problems.push_back(fmt::format("{}: and more is wrong with it", where_));
    }
  }
  void tell(const Fault& fault) {
    if (told_ > kMostFaults) {
      return;  // the text is not searched in vain
    }
    const Place place = locate(text_, fault.path).value_or(Place());
    tell(fault.with_name ? place.key : place.value, fault.path, fault.message);
  }

  void member(const std::string& key, const Json& value, const Place& place) {
    if (key == kSchemaKey) {
      if (!value.is_string()) {
        tell(place.value, {key}, "must be the URL of a JSON Schema");
      }
    } else if (key == kParametersKey) {
      file_.references = true;
      read_parameters(value, place);
    } else if (key == kEnvironmentKey) {
      file_.references = true;
      read_environment(value, place);
    } else {
      read_setting(key, value, place);
    }
  }

  void read_setting(const std::string& key, const Json& value, const Place& place) {
    const cli::Setting* setting = cli::find_by_key(key);
    if (setting == nullptr || !setting->in_job_file) {
      tell(place.key, {key}, unknown_key(key));
      return;
    }
    if (auto texts = texts_of(*setting, value)) {
      file_.given.push_back({cli::Source::job_file, place_text(place.value, {key}), setting, std::move(*texts)});
    } else {
      tell(place.value, {key}, fmt::format("{} is not a value this setting can have", value.type_name()));
    }
  }

  // What is wrong with a name; empty: nothing.
  static std::string wrong_name(const std::string& name) {
    static const auto pattern = Pattern::compile(kNamePattern);
    if (!pattern || !pattern->found_in(name)) {
      return "must be the name of a variable: letters, digits and _, the first no digit, at most 128";
    }
    return name.starts_with("JOBINIT_") ? "names that begin with JOBINIT_ are jobinit's own" : "";
  }

  void read_parameters(const Json& value, const Place& place) {
    if (!value.is_object()) {
      tell(place.value, {kParametersKey},
           "must be an object of declarations such as {\"MEDIA\": {\"type\": \"string\"}}");
      return;
    }
    if (value.size() > kMostNames) {
      tell(place.key, {kParametersKey}, fmt::format("more than {} of them", kMostNames));
      return;
    }
    std::vector<Fault> faults;
    for (const auto& [name, declaration] : value.items()) {
      const Path path{kParametersKey, name};
      if (std::string wrong = wrong_name(name); !wrong.empty()) {
        faults.push_back({path, std::move(wrong), true});
      }
      if (name.ends_with("_FILE") && value.contains(name.substr(0, name.size() - 5))) {
        faults.push_back({path, "is already the file that the other parameter may be in", true});
      }
      const std::size_t before = faults.size();
      Parameter parameter = read_declaration(declaration, path, false, faults);
      parameter.name = name;
      if (faults.size() == before) {
        check_values(parameter, path, faults);
      }
      file_.parameters.push_back(std::move(parameter));
    }
    for (const Fault& fault : faults) {
      tell(fault);
    }
    put_in_order();
  }

  // As in the file, for whoever reads a list of them.
  void put_in_order() {
    std::sort(file_.parameters.begin(), file_.parameters.end(), [&](const Parameter& a, const Parameter& b) {
      return order_[{kParametersKey, a.name}] < order_[{kParametersKey, b.name}];
    });
  }

  // The values that a declaration itself has, as far as they can be judged here: what is at a path and which time zones
  // there are, the image knows.
  static void check_values(const Parameter& declared, const Path& path, std::vector<Fault>& faults) {
    Parameter parameter = declared;
    parameter.must = MustBe::anything;
    parameter.writable = false;
    parameter.time_zone = "UTC";
    const auto check = [&](const char* keyword, const Parameter& by, const Json& value) {
      const auto good = read_json_value(by, value, {});
      if (!good) {
        Path where = path;
        where.emplace_back(keyword);
        faults.push_back({std::move(where), good.failure().message});
      }
    };
    if (parameter.min && parameter.max && parameter.type != Type::list && parameter.type != Type::range) {
      Parameter from_least = parameter;
      from_least.max.reset();
      check("max", from_least, Json(*parameter.max));
    }
    if (!parameter.example.empty()) {
      check("example", parameter, Json(parameter.example));
    }
    const auto check_references = [&](const Json& value) {
      const std::string fault = value.is_string() ? malformed(value.get_ref<const std::string&>()) : "";
      if (!fault.empty()) {
        Path where = path;
        where.emplace_back("default");
        faults.push_back({std::move(where), fault});
      }
    };
    const auto is_computed = [](const Json& value) {
      return value.is_string() && value.get_ref<const std::string&>().find('$') != std::string::npos;
    };
    const auto& value = parameter.default_value;
    if (value && parameter.type != Type::json) {
      check_references(*value);
      if (value->is_array()) {
        std::for_each(value->begin(), value->end(), check_references);
      }
    }
    const bool known = value && !is_computed(*value) &&
                       (!value->is_array() || std::none_of(value->begin(), value->end(), is_computed));
    if (known || (value && parameter.type == Type::json)) {
      check("default", parameter, *value);
    }
  }

  // What is wrong with a text's references, whatever they lead to; empty: nothing.
  static std::string malformed(const std::string& text) {
    const auto done = interpolate(text, [](std::string_view /*name*/) {
      Meaning any;
      any.state = Meaning::known;
      return any;
    });
    return done ? "" : done.failure().message;
  }

  void read_environment(const Json& value, const Place& place) {
    if (!value.is_object()) {
      tell(place.value, {kEnvironmentKey}, "must be an object such as {\"MODE\": \"nightly\"}");
      return;
    }
    if (value.size() > kMostNames) {
      tell(place.key, {kEnvironmentKey}, fmt::format("more than {} of them", kMostNames));
      return;
    }
    for (const auto& [name, text] : value.items()) {
      const Path path{kEnvironmentKey, name};
      if (std::string wrong = wrong_name(name); !wrong.empty()) {
        tell({path, std::move(wrong), true});
      } else if (!is_scalar(text)) {
        tell({path, "must be a text, a number, true or false"});
      } else if (scalar_text(text).find('\0') != std::string::npos) {
        tell({path, "must not hold a NUL byte"});
      } else if (const std::string fault = malformed(scalar_text(text)); !fault.empty()) {
        tell({path, fault});
      } else {
        file_.environment.push_back({name, scalar_text(text), place_text(places_[path].value, path)});
      }
    }
  }

  // No name twice, and no default that leads back to itself.
  void check_references() {
    std::map<std::string, std::vector<std::string>> leads;
    for (const Parameter& parameter : file_.parameters) {
      for (const Variable& variable : file_.environment) {
        if (variable.name == parameter.name) {
          tell({{kEnvironmentKey, variable.name}, "is a parameter already", true});
        }
      }
      const auto add = [&](const Json& value) {
        if (value.is_string()) {
          for (std::string& name : references_in(value.get<std::string>())) {
            leads[parameter.name].push_back(std::move(name));
          }
        }
      };
      if (parameter.default_value && parameter.type != Type::json) {
        add(*parameter.default_value);
        if (parameter.default_value->is_array()) {
          std::for_each(parameter.default_value->begin(), parameter.default_value->end(), add);
        }
      }
    }
    for (const auto& [name, ignored] : leads) {
      std::vector<std::string> open{name};
      std::set<std::string> seen;
      while (!open.empty()) {
        const std::string next = std::move(open.back());
        open.pop_back();
        if (!seen.insert(next).second || !leads.contains(next)) {
          continue;
        }
        const auto& to = leads[next];
        if (std::find(to.begin(), to.end(), name) != to.end()) {
          tell({{kParametersKey, name, "default"}, "leads back to itself"});
          break;
        }
        open.insert(open.end(), to.begin(), to.end());
      }
    }
  }

  const std::string& text_;
  const std::string& where_;
  JobFile file_;
  std::map<Path, Place> places_;  // two levels deep
  std::map<Path, std::size_t> order_;
  std::size_t told_ = 0;
};

}  // namespace

JobFile parse_job_file(const std::string& text, const std::string& where) { return Reading(text, where)(); }

JobFile load_job_file(const std::string& path, const kernel::Root& root) {
  const std::string file = path.empty() ? root(kUsualJobFile) : path;
  const auto text = kernel::read_file(file);
  if (text) {
    return parse_job_file(*text, file);
  }
  if (path.empty() && (text.failure().code == ENOENT || text.failure().code == ENOTDIR)) {
    return {};
  }
  JobFile parsed;
  parsed.problems.push_back(fmt::format("job file: {}", text.failure().message));
  return parsed;
}

}  // namespace jobinit::job
