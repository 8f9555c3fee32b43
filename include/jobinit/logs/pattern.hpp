// Regular expressions in linear time (RE2), so that a job's output cannot stall PID 1, whatever it is.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"

namespace jobinit::logs {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Pattern {
 public:
  // RE2's syntax; several are one that matches where any of them does. A newline is never part of a match, ^ and $ are
  // the ends of a line. Errors name the expression and what is wrong with it.
  static Result<std::shared_ptr<const Pattern>> compile(std::span<const std::string> expressions);
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern();

  // Whether it matches anywhere in the text. Allocates within a fixed bound; false where there is no memory.
  bool matches(std::string_view text) const;

  struct Found {
    Range all;
    // What its groups have matched, in order of their beginnings; they may lie within each other. Without groups,
    // `all`. Valid until the next call.
    std::span<const Range> parts;
  };
  // The first match that is not empty, at `from` or behind. Its `parts` are empty where there is none. Throws
  // std::bad_alloc.
  Found find(std::string_view text, std::size_t from) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace jobinit::logs
