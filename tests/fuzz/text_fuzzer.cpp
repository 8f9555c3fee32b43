// The small readers and writers of texts that all others are made of.
#include <limits>

#include "jobinit/base/text.hpp"
#include "properties.hpp"

namespace {

using namespace jobinit;
using fuzz::require;

void check_durations(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) {
    return;
  }
  require(*duration >= Duration::zero(), "a duration is not negative");
  require(std::chrono::steady_clock::now() + *duration > std::chrono::steady_clock::now() - std::chrono::seconds(1),
          "a duration can be added to a clock");
  require(!human_duration(*duration).empty(), "a duration can be shown");
}

void check_numbers(std::string_view text) {
  if (const auto size = parse_size(text)) {
    require(*size <= 1'000'000'000'000'000'000, "a size fits into a signed 64-bit number");
    require(!human_size(*size).empty(), "a size can be shown");
  }
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  if (const auto number = parse_integer(text, lowest, highest)) {
    const auto again = parse_integer(std::to_string(*number), lowest, highest);
    require(again && *again == *number, "an integer can be written and read back");
    require(static_cast<bool>(parse_integer(text, 0, 255)) == (*number >= 0 && *number <= 255), "the bounds hold");
  }
  (void)parse_boolean(text);
}

void check_signals(std::string_view text) {
  const auto signal = cli::parse_signal(text);
  if (!signal) {
    return;
  }
  require(signal->number >= 1 && signal->number <= SIGRTMAX, "a signal is 1 to SIGRTMAX");
  const std::string name = cli::signal_name(signal->number);
  const auto again = cli::parse_signal(name);
  // 32 and 33 are the C library's own, and have no name to be read back by.
  require(name.starts_with("signal ") || (again && again->number == signal->number),
          "a signal's name can be read back");
}

void check_utf8(std::string_view bytes) {
  const std::string text = valid_utf8(bytes);
  require(valid_utf8(text) == text, "valid UTF-8 stays as it is");
  // By a decoder of another make: nothing but whole, shortest sequences below U+110000, surrogates left out.
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) {
      return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const std::size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
    std::uint32_t point = length == 1 ? byte(0) : byte(0) & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
      require((byte(i) & 0xC0U) == 0x80U, "UTF-8: continuation");
      point = point << 6U | (byte(i) & 0x3FU);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    require(point >= least[length] && point < 0x110000 && (point < 0xD800 || point > 0xDFFF), "UTF-8: code point");
    at += length;
  }
}

void check_splitting(std::string_view text) {
  for (const std::string& piece : split(text, ", \t\r\n")) {
    require(!piece.empty() && piece.find_first_of(", \t\r\n") == std::string::npos, "a piece holds no separator");
  }
  require(trim(trim(text)) == trim(text), "trimmed text stays as it is");
  constexpr std::string_view candidates[] = {"timeout", "stop-grace", "report-to"};
  (void)nearest(text.substr(0, 64), candidates);
}

void check_masking(std::string_view text) {
  const std::string masked = mask_url(text);
  require(mask_url(masked) == masked, "a masked URL stays as it is");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  check_durations(text);
  check_numbers(text);
  check_signals(text);
  check_utf8(text);
  check_splitting(text);
  check_masking(text);
  return 0;
}
