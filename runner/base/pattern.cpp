#include "jobinit/base/pattern.hpp"

#include <re2/re2.h>

namespace jobinit {
namespace {

constexpr std::int64_t kMostMemory = 1 << 20;  // bytes, of the expression and of each match
constexpr std::size_t kLongest = 4096;         // bytes

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Pattern::Pattern(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view expression) {
  if (expression.size() > kLongest) {
    return error("a regular expression may have at most {} bytes", kLongest);
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMostMemory);
  auto compiled = std::make_unique<re2::RE2>(piece(expression), options);
  if (!compiled->ok()) {
    const std::string& what = compiled->error();
    // Behind the colon it quotes the expression, which may be bytes of any kind.
    return error("not a regular expression that takes linear time (RE2): {}", what.substr(0, what.find(':')));
  }
  return Pattern(std::move(compiled));
}

bool Pattern::fits(std::string_view text) const { return re2::RE2::FullMatch(piece(text), *compiled_); }
bool Pattern::found_in(std::string_view text) const { return re2::RE2::PartialMatch(piece(text), *compiled_); }

}  // namespace jobinit
