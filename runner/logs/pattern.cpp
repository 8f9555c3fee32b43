#include "jobinit/logs/pattern.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <new>
#include <vector>

namespace jobinit::logs {
namespace {

// Of the automaton that RE2 builds as it reads. When it is full RE2 begins anew: slower, not wrong.
constexpr std::int64_t kMostMemory = 1 << 20;
// Where the automaton does not do, RE2 looks at every instruction for every byte. Ordinary expressions have some
// dozens.
constexpr int kMostInstructions = 5000;

RE2::Options options() {
  RE2::Options options;
  options.set_max_mem(kMostMemory);
  options.set_never_nl(true);
  options.set_log_errors(false);  // to stderr, that is
  return options;
}

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(const std::string& expression)
      : re(expression, options()), groups(static_cast<std::size_t>(std::max(re.NumberOfCapturingGroups(), 0)) + 1) {
    parts.reserve(groups.size());
  }
  RE2 re;
  std::vector<re2::StringPiece> groups;
  std::vector<Range> parts;
};

Pattern::Pattern(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Pattern::~Pattern() = default;

Result<std::shared_ptr<const Pattern>> Pattern::compile(std::span<const std::string> expressions) {
  std::string all;
  for (const std::string& one : expressions) {
    const RE2 alone("(?m:" + one + ")", options());
    if (!alone.ok()) {
      return error("\"{}\" is not a regular expression of RE2: {}", one, alone.error());
    }
    if (alone.ProgramSize() > kMostInstructions) {
      return error("\"{}\" is too large a regular expression: {} instructions, at most {}", one, alone.ProgramSize(),
                   kMostInstructions);
    }
    all += (all.empty() ? "(?m:" : "|(?m:") + one + ")";
  }
  auto compiled = std::make_unique<Compiled>(all);
  if (!compiled->re.ok() || compiled->re.ProgramSize() > kMostInstructions) {
    return error("the regular expressions are too many: together more than {} instructions", kMostInstructions);
  }
  return std::shared_ptr<const Pattern>(new Pattern(std::move(compiled)));
}

bool Pattern::matches(std::string_view text) const {
  try {
    return compiled_->re.Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

Pattern::Found Pattern::find(std::string_view text, std::size_t from) const {
  auto& [re, groups, parts] = *compiled_;
  parts.clear();
  const auto range_of = [&](const re2::StringPiece& piece) {
    const auto begin = static_cast<std::size_t>(piece.data() - text.data());
    return Range{begin, begin + piece.size()};
  };
  while (from <= text.size() && re.Match({text.data(), text.size()}, from, text.size(), RE2::UNANCHORED, groups.data(),
                                         static_cast<int>(groups.size()))) {
    const Range all = range_of(groups.front());
    if (all.begin == all.end) {
      from = all.end + 1;
      continue;
    }
    for (std::size_t i = 1; i < groups.size(); ++i) {
      if (!groups[i].empty()) {
        parts.push_back(range_of(groups[i]));
      }
    }
    if (parts.empty()) {
      parts.push_back(all);
    }
    std::sort(parts.begin(), parts.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    return {all, parts};
  }
  return {};
}

}  // namespace jobinit::logs
