// The registry of sinks: one line a kind.
#include "registry.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "encode.hpp"
#include "jobinit/base/percent.hpp"
#include "jobinit/base/text.hpp"

namespace jobinit::deliver {
namespace {

constexpr std::array kKinds{
    &file_sink,    //
    &stream_sink,  //
    &termination_log_sink,
    &textfile_sink,
    &pushgateway_sink,
    &healthchecks_sink,
    &cronitor_sink,
    &sentry_sink,
    &slack_sink,
    &webhook_sink,
    &cloudevents_sink,
    &otlp_sink,
    &statsd_sink,
    &stepfunctions_sink,
    &eventbridge_sink,
    &sns_sink,
    &emf_sink,
};

constexpr std::string_view kFilter = "on=";
constexpr std::size_t kShortestSecret = 6;
constexpr std::string_view kUnsuccessful = "unsuccessful";

std::string shown_of(const SinkKind& kind, std::string_view text) {
  std::string shown = mask_url(text);
  const std::size_t at = shown.rfind('@');
  const std::string_view scheme = text.substr(0, text.find(':'));
  if (kind.network() && !scheme.ends_with("http") && !scheme.ends_with("https") && at != std::string::npos) {
    return std::string(scheme) + "://***" + shown.substr(at);  // not of the kind that mask_url() knows
  }
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

struct Parts {
  std::string plain;
  std::optional<std::string> filter;
};

// "TARGET#method=PUT&on=failed" without its filter, which is one of the options behind the #.
Parts take_filter(std::string_view text) {
  for (std::size_t at = text.rfind(kFilter); at != std::string_view::npos && at > 0; at = text.rfind(kFilter, at - 1)) {
    const char before = text[at - 1];
    if (before != '#' && (before != '&' || text.find('#') > at)) {
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("&#", at), text.size());
    std::string plain(text.substr(0, at - 1));
    if (end < text.size()) {
      plain += before;
      plain += text.substr(end + 1);
    }
    return {plain, std::string(text.substr(at + kFilter.size(), end - at - kFilter.size()))};
  }
  return {std::string(text), std::nullopt};
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
  const auto [plain, options] = take_filter(text);
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  std::vector<std::string_view> known;
  for (const SinkKind* kind : kKinds) {
    for (const std::string_view name : kind->schemes) {
      if (name == scheme && colon != std::string_view::npos) {
        Sink sink{kind, std::string(scheme), plain.substr(colon + 1), shown_of(*kind, plain), {}};
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

bool reports_spans(std::span<const Sink> sinks) {
  return std::any_of(sinks.begin(), sinks.end(), [](const Sink& sink) { return sink.kind->spans; });
}

std::string without_credentials(const Sink& sink, std::string_view text) {
  std::string safe(text);
  std::vector<std::string> pieces = split(sink.target, "/?&=#@: ");
  for (std::size_t i = 0, all = pieces.size(); i < all; ++i) {
    pieces.push_back(percent_decoded(pieces[i]));
  }
  for (const std::string& piece : pieces) {
    if (piece.size() < kShortestSecret || sink.shown.find(piece) != std::string::npos) {
      continue;
    }
    for (std::size_t at = safe.find(piece); at != std::string::npos; at = safe.find(piece, at)) {
      safe.replace(at, piece.size(), "***");
    }
  }
  return safe;
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
