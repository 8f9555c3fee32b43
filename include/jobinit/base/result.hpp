// The one expected-like type of jobinit: a value, or an error that a tired person can act on.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

namespace jobinit {

// What went wrong, in words that name the thing it went wrong with; `code` is an errno value, 0 where none applies.
struct Error {
  std::string message;
  int code = 0;
};

// "<what>: <text of err>", e.g. "open /etc/jobinit.json: Permission denied".
Error system_error(int err, std::string_view what);

template <typename... Args>
Error error(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...), 0};
}

// Either a T or an Error. Reading the side that is not there is a programming error and ends the program.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Error failure) : held_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return held_.index() == 0; }
  T& operator*() & { return std::get<0>(held_); }
  const T& operator*() const& { return std::get<0>(held_); }
  T&& operator*() && { return std::get<0>(std::move(held_)); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  const Error& failure() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error failure) : failure_(std::move(failure)), failed_(true) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return !failed_; }
  const Error& failure() const { return failure_; }

 private:
  Error failure_;
  bool failed_ = false;
};

}  // namespace jobinit
