#include "jobinit/cli/launch.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "jobinit/base/text.hpp"

namespace jobinit::cli {
namespace {

constexpr unsigned kHighestUmask = 0777;

std::string upper(std::string_view text) {
  std::string raised(text);
  std::transform(raised.begin(), raised.end(), raised.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return raised;
}

Result<std::uint64_t> parse_limit_value(std::string_view text, const kernel::LimitKind& kind) {
  if (text == "unlimited") {
    return kernel::kUnlimited;
  }
  switch (kind.unit) {
    case kernel::LimitUnit::bytes:
      if (const auto size = parse_size(text)) {
        return *size;
      }
      return error("\"{}\" is not a size for {}; write it like 65536, 64K, 2G or unlimited", text, kind.name);
    case kernel::LimitUnit::seconds:
      if (const auto duration = parse_duration(text)) {
        // The kernel counts whole seconds; a part of one is not to become "at once".
        return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(*duration).count());
      }
      return error("\"{}\" is not a duration for {}; write it like 90s, 1h or unlimited", text, kind.name);
    case kernel::LimitUnit::count:
      if (const auto count = parse_integer(text, 0, std::numeric_limits<std::int64_t>::max())) {
        return static_cast<std::uint64_t>(*count);
      }
      return error("\"{}\" is not a number for {}; write it like 1024 or unlimited", text, kind.name);
  }
  return error("\"{}\" is not a value for {}", text, kind.name);
}

const kernel::LimitKind* find_limit(std::string_view name) {
  const auto kinds = kernel::limit_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

Error unknown_limit(std::string_view name) {
  std::vector<std::string_view> names;
  for (const kernel::LimitKind& kind : kernel::limit_kinds()) {
    names.push_back(kind.name);
  }
  const std::string_view near = nearest(name, names);
  return near.empty() ? error("\"{}\" is not a limit; the limits are {}", name, fmt::join(names, ", "))
                      : error("\"{}\" is not a limit; did you mean {}?", name, near);
}

}  // namespace

Result<void> add_limit(std::string_view text, Limits& into) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return error("\"{}\" is not of the form nofile=1024 or nofile=1024:4096", text);
  }
  const std::string_view name = trim(text.substr(0, equals));
  const kernel::LimitKind* kind = find_limit(name);
  if (kind == nullptr) {
    return unknown_limit(name);
  }
  const std::string_view values = trim(text.substr(equals + 1));
  const std::size_t colon = values.find(':');
  const auto soft = parse_limit_value(values.substr(0, colon), *kind);
  if (!soft) {
    return soft.failure();
  }
  const auto hard = colon == std::string_view::npos ? soft : parse_limit_value(values.substr(colon + 1), *kind);
  if (!hard) {
    return hard.failure();
  }
  if (*soft > *hard) {
    return error("\"{}\": the soft limit, which comes first, is above the hard limit", text);
  }
  into[std::string(name)] = {kind->resource, *soft, *hard};
  return {};
}

Result<kernel::Capabilities> parse_capability(std::string_view text) {
  const std::string wanted = upper(trim(text));
  if (wanted == "ALL") {
    return kernel::kAllCapabilities;
  }
  const std::string full = wanted.starts_with("CAP_") ? wanted : "CAP_" + wanted;
  const auto names = kernel::capability_names();
  for (std::size_t number = 0; number < names.size(); ++number) {
    if (names[number] == full) {
      return kernel::Capabilities{1} << number;
    }
  }
  const std::string_view near = nearest(full, names);
  return near.empty() ? error("\"{}\" is not a capability; write it like CAP_NET_RAW, or ALL", text)
                      : error("\"{}\" is not a capability; did you mean {}?", text, near);
}

Result<unsigned> parse_umask(std::string_view text) {
  const std::string_view digits = trim(text);
  unsigned mask = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 8);
  if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size() || mask > kHighestUmask) {
    return error("\"{}\" is not a umask; write it in octal, 000 to 777, like 022", text);
  }
  return mask;
}

Result<std::string> parse_variable_pattern(std::string_view text) {
  if (text.find('=') != std::string_view::npos) {
    return error("what is kept is named without a value: {}", text.substr(0, text.find('=')));
  }
  return std::string(text);
}

}  // namespace jobinit::cli
