// References to parameters in texts: ${NAME}, ${NAME:-otherwise}, ${NAME:?message}, and $$ for a dollar sign. Never by
// a shell: what a value holds is looked at no further. Pure.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/base/result.hpp"

namespace jobinit::job {

// What a name stands for.
struct Meaning {
  enum { unknown, without_value, known } state = unknown;
  std::string text;
  std::vector<std::string> items;  // of a list
  bool list = false;
  bool url = false;  // is put into a URL as it is
  bool secret = false;
  bool allow_in_argv = false;
};
using Scope = std::function<Meaning(std::string_view name)>;

enum class Use {
  plain,
  url,       // a value is percent-encoded, so that it stays one part of the URL
  argument,  // a secret is refused, since /proc/PID/cmdline is open to everybody
  shown,     // a secret is refused, since reports hold the text
  masked,    // an argument as reports show it: a secret is ***
};

struct Interpolated {
  std::string text;
  bool secret = false;  // holds one
};

// Errors name the reference, and what could be meant of `names`.
Result<Interpolated> interpolate(std::string_view text, const Scope& scope, Use use = Use::plain,
                                 std::span<const std::string_view> names = {});

// The same for the text of a sink that has references of its own (webhooks): what names no parameter is left as it is,
// $$ too, and what a value holds is no reference to the sink either.
Result<Interpolated> interpolate_template(std::string_view text, const Scope& scope, Use use);

// An argument vector: a word that is ${NAME...} becomes one word an item of the list, any other stays one word. What is
// a shell's script (sh -c SCRIPT) is left to the shell, which has the same names in its environment: put into it, a
// value would become code.
Result<std::vector<std::string>> interpolate_arguments(std::span<const std::string> words, const Scope& scope, Use use,
                                                       std::span<const std::string_view> names = {});

// The names that a text refers to, also within what stands for missing ones; empty where it is malformed.
std::vector<std::string> references_in(std::string_view text);

// Which word is a shell's script; words.size(): none.
std::size_t find_script(std::span<const std::string> words);

}  // namespace jobinit::job
