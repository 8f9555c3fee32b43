// Resource limits, niceness, umask and working folder of the calling process: what a child is given before exec.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace jobinit::kernel {

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

enum class LimitUnit { count, bytes, seconds };

struct LimitKind {
  std::string_view name;  // as ulimit(1), docker and systemd call it: "nofile"
  int resource = 0;       // RLIMIT_NOFILE
  LimitUnit unit = LimitUnit::count;
};

// Every limit there is (getrlimit(2)), by name.
std::span<const LimitKind> limit_kinds();

struct Limit {
  int resource = 0;
  std::uint64_t soft = kUnlimited;
  std::uint64_t hard = kUnlimited;
  bool operator==(const Limit&) const = default;
};

// All of these are async-signal-safe and return 0 or an errno value.
int set_limit(const Limit& limit);
int set_niceness(int value);
int enter_folder(const char* path);
void set_umask(unsigned mask);  // cannot fail

}  // namespace jobinit::kernel
