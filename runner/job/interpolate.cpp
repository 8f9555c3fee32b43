#include "jobinit/job/interpolate.hpp"

#include <algorithm>
#include <array>

#include "jobinit/base/percent.hpp"
#include "jobinit/base/printable.hpp"
#include "jobinit/base/text.hpp"
#include "jobinit/job/url.hpp"

namespace jobinit::job {
namespace {

constexpr int kDeepest = 8;  // ${A:-${B:-...}}
constexpr std::string_view kSpread = "...}";

bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// Goes once from left to right; every reference is given to `on_reference`, and what it returns is put in its place.
class Reader {
 public:
  struct Reference {
    std::string_view name;
    char operation = 0;      // '-', '?', or none
    std::string_view rest;   // behind it, as it is written
    std::string_view whole;  // "${NAME:-rest}"
  };
  using OnReference = std::function<Result<std::string>(const Reference& reference)>;

  explicit Reader(OnReference on_reference) : on_reference_(std::move(on_reference)) {}

  Result<std::string> operator()(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view rest = text.substr(at);
      if (rest.starts_with("$$")) {
        out += '$';
        at += 2;
      } else if (rest.starts_with("${")) {
        const auto reference = read(rest);
        if (!reference) {
          return reference.failure();
        }
        auto value = on_reference_(*reference);
        if (!value) {
          return value;
        }
        out += *value;
        at += reference->whole.size();
      } else {
        out += text[at++];
      }
    }
    return out;
  }

  // The reference that `text` begins with.
  static Result<Reference> read(std::string_view text);

 private:
  static Error malformed(std::string_view rest) {
    return error(
        "{}: not of the form ${{NAME}}, ${{NAME:-otherwise}} or ${{NAME:?message}}; write $${{ for a plain ${{",
        printable(rest.substr(0, 40)));
  }

  OnReference on_reference_;
};

Result<Reader::Reference> Reader::read(std::string_view text) {
  Reference reference;
  std::size_t at = 2;
  while (at < text.size() && in_name(text[at])) {
    ++at;
  }
  reference.name = text.substr(2, at - 2);
  if (reference.name.empty() || at >= text.size()) {
    return malformed(text);
  }
  if (text[at] == '}') {
    reference.whole = text.substr(0, at + 1);
    return reference;
  }
  if (at + 1 >= text.size() || text[at] != ':' || (text[at + 1] != '-' && text[at + 1] != '?')) {
    return malformed(text);
  }
  reference.operation = text[at + 1];
  const std::size_t start = at + 2;
  int open = 1;
  for (at = start; at < text.size(); ++at) {
    if (text.substr(at).starts_with("$$")) {
      ++at;
    } else if (text.substr(at).starts_with("${")) {
      if (++open > kDeepest) {
        return error("{}: nested deeper than {} levels", printable(reference.name), kDeepest);
      }
      ++at;
    } else if (text[at] == '}' && --open == 0) {
      reference.rest = text.substr(start, at - start);
      reference.whole = text.substr(0, at + 1);
      return reference;
    }
  }
  return malformed(text);
}

Error unknown(std::string_view name, std::span<const std::string_view> names) {
  const std::string_view near = nearest(name, names);
  return near.empty()
             ? error("${{{0}}}: no such parameter or variable; to keep it as it is, write $${{{0}}}", printable(name))
             : error("${{{0}}}: no such parameter or variable; did you mean {1}? To keep it as it is, write $${{{0}}}",
                     printable(name), near);
}

class Interpolation {
 public:
  Interpolation(const Scope& scope, Use use, std::span<const std::string_view> names)
      : scope_(scope), use_(use), names_(names) {}

  Result<Interpolated> operator()(std::string_view text) {
    const Reader reader([this](const Reader::Reference& reference) { return value_of(reference); });
    auto done = reader(text);
    if (!done) {
      return done.failure();
    }
    return Interpolated{std::move(*done), secret_};
  }

 private:
  Result<std::string> value_of(const Reader::Reference& reference) {
    const Meaning meaning = scope_(reference.name);
    if (meaning.state == Meaning::known) {
      return put(reference.name, meaning);
    }
    if (reference.operation == '-') {
      auto otherwise = (*this)(reference.rest);
      return otherwise ? Result<std::string>(std::move(otherwise->text)) : otherwise.failure();
    }
    if (reference.operation == '?') {
      return error("{}: {}", printable(reference.name),
                   reference.rest.empty() ? "must be set" : printable(reference.rest, 400));
    }
    return meaning.state == Meaning::unknown
               ? unknown(reference.name, names_)
               : error("${{{0}}}: it has no value; ${{{0}:-}} makes that an empty text", printable(reference.name));
  }

  Result<std::string> put(std::string_view name, const Meaning& meaning) {
    secret_ = secret_ || meaning.secret;
    switch (use_) {
      case Use::plain: return meaning.text;
      case Use::url: return meaning.url ? meaning.text : percent_encoded(meaning.text);
      case Use::argument:
        if (meaning.secret && !meaning.allow_in_argv) {
          return error(
              "${{{}}} is a secret, and every process in the container can read the command line; the job has "
              "it as a variable, and \"allow_in_argv\": true allows it here",
              name);
        }
        return meaning.text;
      case Use::shown:
        if (meaning.secret) {
          return error("${{{}}} is a secret, and this is shown in reports", name);
        }
        return meaning.text;
      case Use::masked: return meaning.secret ? "***" : meaning.text;
    }
    return meaning.text;
  }

  const Scope& scope_;
  Use use_;
  std::span<const std::string_view> names_;
  bool secret_ = false;
};

// The name in a word that is "${NAME...}"; empty: it is none.
std::string_view spread_name(std::string_view word) {
  if (!word.starts_with("${") || !word.ends_with(kSpread)) {
    return {};
  }
  const std::string_view name = word.substr(2, word.size() - 2 - kSpread.size());
  return std::all_of(name.begin(), name.end(), in_name) ? name : std::string_view();
}

bool is_shell(std::string_view program) {
  static constexpr std::array<std::string_view, 7> shells{"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"};
  const std::string_view name = program.substr(program.rfind('/') + 1);
  return std::find(shells.begin(), shells.end(), name) != shells.end();
}

}  // namespace

Result<Interpolated> interpolate(std::string_view text, const Scope& scope, Use use,
                                 std::span<const std::string_view> names) {
  return Interpolation(scope, use, names)(text);
}

Result<Interpolated> interpolate_template(std::string_view text, const Scope& scope, Use use) {
  Interpolated done;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto reference = rest.starts_with("${") ? Reader::read(rest) : Result<Reader::Reference>(Reader::Reference());
    const bool ours = reference && !reference->whole.empty() && scope(reference->name).state != Meaning::unknown;
    if (!ours) {
      const std::size_t length = rest.starts_with("$$") ? 2 : 1;
      done.text += rest.substr(0, length);
      at += length;
      continue;
    }
    auto value = interpolate(reference->whole, scope, Use::plain);
    if (!value) {
      return value.failure();
    }
    at += reference->whole.size();
    for (std::size_t open = value->text.find("${"); open != std::string::npos;
         open = value->text.find("${", open + 3)) {
      value->text.insert(open, 1, '$');
    }
    if (value->text.ends_with('$') && text.substr(at).starts_with('{')) {
      value->text += '$';
    }
    const bool encoded = use == Use::url && !scope(reference->name).url;
    done.text += encoded ? percent_encoded(value->text) : value->text;
    done.secret = done.secret || value->secret;
  }
  return done;
}

std::size_t find_script(std::span<const std::string> words) {
  if (words.empty() || !is_shell(words.front())) {
    return words.size();
  }
  bool script = false;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string& word = words[at];
    const bool option = word.size() > 1 && (word.front() == '-' || word.front() == '+') && word != "--";
    if (!option) {
      return script ? std::min(at + std::size_t{word == "--"}, words.size()) : words.size();
    }
    script = script || (!word.starts_with("--") && word.front() == '-' && word.find('c') != std::string::npos);
    // These have a word of their own: -o pipefail, -euo pipefail.
    const bool letters = !word.starts_with("--");
    const bool takes_file = word == "--rcfile" || word == "--init-file";
    at += letters ? static_cast<std::size_t>(
                        std::count_if(word.begin(), word.end(), [](char c) { return c == 'o' || c == 'O'; }))
                  : std::size_t{takes_file};
  }
  return words.size();
}

Result<std::vector<std::string>> interpolate_arguments(std::span<const std::string> words, const Scope& scope, Use use,
                                                       std::span<const std::string_view> names) {
  std::vector<std::string> done;
  const std::size_t script = find_script(words);
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (at == script) {
      done.push_back(word);
      continue;
    }
    const std::string_view spread = spread_name(word);
    const Meaning meaning = spread.empty() ? Meaning() : scope(spread);
    if (spread.empty() || meaning.state != Meaning::known) {
      auto one = interpolate(spread.empty() ? word : fmt::format("${{{}}}", spread), scope, use, names);
      if (!one) {
        return one.failure();
      }
      done.push_back(std::move(one->text));
      continue;
    }
    if (!meaning.list) {
      return error("{}: only a list can be spread over several arguments", printable(word));
    }
    for (const std::string& item : meaning.items) {
      const Scope alone = [&](std::string_view /*name*/) {
        Meaning one = meaning;
        one.text = item;
        return one;
      };
      auto put = interpolate(fmt::format("${{{}}}", spread), alone, use, names);
      if (!put) {
        return put.failure();
      }
      done.push_back(std::move(put->text));
    }
  }
  return done;
}

std::vector<std::string> references_in(std::string_view text) {
  std::vector<std::string> found;
  std::vector<std::string> inner;  // texts that stand for missing values, still to be read
  const Reader reader([&](const Reader::Reference& reference) {
    found.emplace_back(reference.name);
    if (reference.operation == '-') {
      inner.emplace_back(reference.rest);
    }
    return Result<std::string>(std::string());
  });
  if (!reader(text)) {
    return {};
  }
  while (!inner.empty()) {
    const std::string next = std::move(inner.back());
    inner.pop_back();
    static_cast<void>(static_cast<bool>(reader(next)));
  }
  return found;
}

}  // namespace jobinit::job
