// Regular expressions that take linear time whatever they are given (RE2's syntax).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "jobinit/base/result.hpp"

namespace re2 {
class RE2;
}

namespace jobinit {

class Pattern {
 public:
  // Errors say what is wrong with the expression, and do not repeat it.
  static Result<Pattern> compile(std::string_view expression);

  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  bool fits(std::string_view text) const;      // from its start to its end
  bool found_in(std::string_view text) const;  // somewhere

 private:
  explicit Pattern(std::unique_ptr<re2::RE2> compiled);
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace jobinit
