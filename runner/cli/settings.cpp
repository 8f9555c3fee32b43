#include "jobinit/cli/settings.hpp"

#include <cstring>

namespace jobinit::cli {

Result<Signal> parse_signal(std::string_view text) {
  std::string name;
  for (const char c : trim(text)) {
    name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (const auto number = parse_integer(name, 1, SIGRTMAX)) {
    return Signal{static_cast<int>(*number)};
  }
  if (!name.starts_with("SIG")) {
    name.insert(0, "SIG");
  }
  std::vector<std::string> names;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    names.push_back(signal_name(number));
    if (names.back() == name) {
      return Signal{number};
    }
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view near = nearest(name, candidates);
  if (near.empty()) {
    return error("\"{}\" is not a signal; write it like TERM, SIGTERM or 15", text);
  }
  return error("\"{}\" is not a signal; did you mean {}?", text, near);
}

std::string signal_name(int number) {
  if (number >= SIGRTMIN && number <= SIGRTMAX) {
    return number == SIGRTMIN ? "SIGRTMIN" : fmt::format("SIGRTMIN+{}", number - SIGRTMIN);
  }
  const char* name = sigabbrev_np(number);  // signal(7); glibc 2.32
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

}  // namespace jobinit::cli
