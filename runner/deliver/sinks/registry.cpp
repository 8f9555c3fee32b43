// The registry of sinks: one line a kind.
#include "registry.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array kKinds{
    &file_sink,    //
    &stream_sink,  //
    &termination_log_sink,
    &textfile_sink,
    &pushgateway_sink,
};

constexpr std::string_view kFilter = "#on=";
constexpr std::string_view kUnsuccessful = "unsuccessful";

std::string shown_of(const SinkKind& kind, std::string_view text) {
  std::string shown = mask_url(text);
  if (!kind.secret_path) {
    return shown;
  }
  const std::size_t host = shown.find("://");
  const std::size_t path = host == std::string::npos ? std::string::npos : shown.find_first_of("/?#", host + 3);
  return path == std::string::npos ? shown : shown.substr(0, path) + "/***";
}

std::vector<std::string_view> filter_words(EventSet events) {
  std::vector<std::string_view> words;
  for (const std::string_view name : event_names()) {
    if (events.contains(*event_from_name(name))) {
      words.push_back(name);
    }
  }
  words.push_back(kUnsuccessful);
  words.insert(words.end(), cause_names().begin(), cause_names().end());
  return words;
}

// A word that is none is not repeated in the message: it may be a part of a password with a # in it.
Result<void> take_word(const Sink& sink, const std::string& word, Filter& filter, bool& all_endings) {
  if (const auto kind = event_from_name(word)) {
    if (!sink.kind->events.contains(*kind)) {
      return error("{}: its filter (#on=) names {}, of which {} has no use", sink.shown, word, sink.scheme);
    }
    filter.events.add(*kind);
    all_endings = all_endings || *kind == EventKind::finished;
    return {};
  }
  const auto cause = cause_from_name(word);
  if (!cause && word != kUnsuccessful) {
    const auto known = filter_words(sink.kind->events);
    const std::string_view near = nearest(word, known);
    return near.empty()
               ? error("{}: its filter (#on=) has a word that is none of {}", sink.shown, fmt::join(known, ", "))
               : error("{}: its filter (#on=) has a word that is none; did you mean {}?", sink.shown, near);
  }
  filter.events.add(EventKind::finished);
  if (cause) {
    filter.causes.insert(*cause);
    return {};
  }
  for (const std::string_view name : cause_names()) {
    if (const auto one = cause_from_name(name); one != Cause::success) {
      filter.causes.insert(*one);
    }
  }
  return {};
}

Result<Filter> parse_filter(const Sink& sink, std::optional<std::string_view> text) {
  if (!text) {
    return Filter{sink.kind->usual, {}};
  }
  Filter filter;
  bool all_endings = false;
  for (const std::string& word : split(*text, ",")) {
    if (auto good = take_word(sink, word, filter, all_endings); !good) {
      return good.failure();
    }
  }
  if (filter.events.empty()) {
    return error("{}: its filter (#on=) is empty, so that it would never be told anything", sink.shown);
  }
  if (all_endings) {
    filter.causes.clear();
  }
  return filter;
}

std::optional<Cause> cause_of(const report::Document& report) {
  const auto outcome = report.is_object() ? report.find("outcome") : report.end();
  if (!report.is_object() || outcome == report.end() || !outcome->is_object()) {
    return std::nullopt;
  }
  const auto cause = outcome->find("cause");
  return cause != outcome->end() && cause->is_string() ? cause_from_name(cause->get<std::string>()) : std::nullopt;
}

}  // namespace

bool Filter::passes(const Event& event) const {
  if (!events.contains(event.kind)) {
    return false;
  }
  if (event.kind != EventKind::finished || causes.empty()) {
    return true;
  }
  const auto cause = cause_of(event.report);
  return !cause || causes.contains(*cause);  // a report that nobody can read is told rather than kept
}

std::span<const SinkKind* const> sink_kinds() { return kKinds; }

std::string Sink::url() const {
  const std::size_t plus = scheme.find('+');
  return (plus == std::string::npos ? scheme : scheme.substr(plus + 1)) + ":" + target;
}

Result<Sink> parse_sink(std::string_view text) {
  const std::size_t fragment = text.rfind(kFilter);
  const std::string_view plain = text.substr(0, fragment);
  const std::optional<std::string_view> options =
      fragment == std::string_view::npos ? std::nullopt : std::optional(text.substr(fragment + kFilter.size()));
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  std::vector<std::string_view> known;
  for (const SinkKind* kind : kKinds) {
    for (const std::string_view name : kind->schemes) {
      if (name == scheme && colon != std::string_view::npos) {
        Sink sink{kind, std::string(scheme), std::string(plain.substr(colon + 1)), shown_of(*kind, plain), {}};
        if (auto filter = parse_filter(sink, options); filter) {
          sink.filter = std::move(*filter);
        } else {
          return filter.failure();
        }
        if (const auto good = kind->check(sink); !good) {
          return good.failure();
        }
        return sink;
      }
      known.push_back(name);
    }
  }
  const std::string_view near = nearest(scheme, known);
  if (colon == std::string_view::npos) {
    // The whole text may be a secret that was put into the wrong variable; it is not repeated.
    return error("a sink is written SCHEME:TARGET, such as {}",
                 near.empty() ? "file:/var/run/report.json" : fmt::format("{}:...", near));
  }
  if (near.empty()) {
    return error("\"{}:\" is no sink; there are {}", scheme, fmt::join(known, ", "));
  }
  return error("\"{}:\" is no sink; did you mean {}:?", scheme, near);
}

Result<void> check_http_url(const Sink& sink) {
  std::string_view rest = sink.target;
  if (!rest.starts_with("//")) {
    return error("{}: write it like {}://HOST[:PORT]", sink.shown, sink.scheme);
  }
  rest.remove_prefix(2);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (host.empty() || host.front() == ':') {
    return error("{}: no host in it", sink.shown);
  }
  return {};
}

}  // namespace jobinit::deliver
