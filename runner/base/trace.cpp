#include "jobinit/base/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace jobinit {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// FNV-1a, 64 bits (RFC draft-eastlake-fnv). Not a secret, and need not be unguessable: it only has to be another number
// for another text.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  return value;
}

std::string span_from(std::uint64_t number) { return fmt::format("{:016x}", number == 0 ? 1 : number); }

struct Parent {
  std::string_view trace;
  std::string_view span;
  bool sampled;
};

// "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01". A later version may have more behind it (3.2.4).
std::optional<Parent> parse(std::string_view text) {
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, kTraceDigits);
  const std::string_view span = text.substr(36, kSpanDigits);
  const std::string_view flags = text.substr(53, 2);
  const bool longer = text.size() > 55;
  if (!is_hex(version) || version == "ff" || (longer && (version == "00" || text[55] != '-')) || !is_hex(trace) ||
      is_zero(trace) || !is_hex(span) || is_zero(span) || !is_hex(flags)) {
    return std::nullopt;
  }
  const char last = flags[1];
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  return Parent{trace, span, digit % 2 == 1};
}

}  // namespace

std::string TraceContext::traceparent() const {
  return fmt::format("00-{}-{}-{}", trace_id, span_id, sampled ? "01" : "00");
}

TraceContext trace_of_run(std::string_view run_id, std::optional<std::string_view> traceparent) {
  std::string digits;
  std::copy_if(run_id.begin(), run_id.end(), std::back_inserter(digits), [](char c) { return c != '-'; });
  TraceContext context;
  // A UUID is 128 bits, as a trace's id is; its last 64 are random.
  const bool uuid = digits.size() == kTraceDigits && is_hex(digits) && !is_zero(digits.substr(kSpanDigits));
  context.trace_id = uuid ? digits : span_from(hash(run_id)) + span_from(hash("trace"));
  context.span_id = uuid ? digits.substr(kSpanDigits) : span_from(hash(run_id));
  if (const auto parent = parse(traceparent.value_or(""))) {
    context.trace_id = parent->trace;
    context.parent_span_id = parent->span;
    context.sampled = parent->sampled;
  }
  return context;
}

std::string attempt_span_id(std::string_view run_id, unsigned attempt) {
  return span_from(hash(fmt::format("{}/attempt/{}", run_id, attempt)));
}

}  // namespace jobinit
