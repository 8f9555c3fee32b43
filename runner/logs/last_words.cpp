#include "jobinit/logs/last_words.hpp"

#include <algorithm>
#include <array>

#include "jobinit/kernel/output.hpp"
#include "jobinit/kernel/splice.hpp"

namespace jobinit::logs {
namespace {

// Room for a turn's last words behind those of the turn before, also where not every page is full.
constexpr std::size_t kSidePipe = std::size_t{256} * 1024;

}  // namespace

std::size_t LastWords::add_stream() {
  streams_.emplace_back(limits_.bytes);
  return streams_.size() - 1;
}

void LastWords::append(std::size_t stream, std::span<const char> bytes) {
  settle();
  all_.append(bytes);
  streams_[stream].append(bytes);
}

bool LastWords::open_side() {
  if (!side_) {
    auto pipe = kernel::make_pipe();
    side_.emplace();
    if (pipe) {
      *side_ = std::move(*pipe);
      kernel::widen_pipe(side_->write, kSidePipe);
      null_device_ = kernel::open_null_device();
    }
  }
  return static_cast<bool>(side_->read);
}

std::size_t LastWords::note(std::size_t stream, const kernel::Fd& pipe, std::size_t most) {
  if (!open_side()) {
    return 0;
  }
  if (holder_ != stream) {
    settle();
    holder_ = stream;
  }
  std::size_t noted = kernel::duplicate(pipe, side_->write, most);
  if (noted == 0 && held_ > capacity()) {
    forget(held_ - capacity());
    noted = kernel::duplicate(pipe, side_->write, most);
  }
  if (noted == 0 && held_ > 0) {
    settle();
    noted = kernel::duplicate(pipe, side_->write, most);
  }
  held_ += noted;
  return noted;
}

void LastWords::skip(std::size_t stream, std::size_t bytes) {
  if (holder_ == stream) {
    forget(held_);
  } else {
    settle();
  }
  all_.skip(bytes);
  streams_[stream].skip(bytes);
}

void LastWords::forget(std::size_t bytes) {
  kernel::discard(side_->read, bytes, null_device_);
  held_ -= bytes;
  all_.skip(bytes);
  streams_[holder_].skip(bytes);
}

void LastWords::settle() {
  if (held_ > capacity()) {
    forget(held_ - capacity());
  }
  std::array<char, 16384> words;  // NOLINT(cppcoreguidelines-pro-type-member-init): written to before it is read
  while (held_ > 0) {
    const kernel::Got got = kernel::read_available(side_->read, std::span(words).first(std::min(held_, words.size())));
    if (got.bytes == 0) {
      held_ = 0;
      return;
    }
    held_ -= got.bytes;
    all_.append(std::span(words).first(got.bytes));
    streams_[holder_].append(std::span(words).first(got.bytes));
  }
}

LastWords::Words LastWords::all() {
  settle();
  return cut(all_);
}

LastWords::Words LastWords::of(std::size_t stream) {
  settle();
  return cut(streams_[stream]);
}

LastWords::Words LastWords::cut(const Tail& tail) const {
  Words words{tail.text(), tail.truncated()};
  if (limits_.lines == 0 || words.text.empty()) {
    return words;
  }
  std::size_t end = words.text.size() - (words.text.back() == '\n' ? 1 : 0);
  for (std::size_t lines = 0; lines < limits_.lines; ++lines) {
    const std::size_t before = end == 0 ? std::string::npos : words.text.rfind('\n', end - 1);
    if (before == std::string::npos) {
      return words;
    }
    end = before;
  }
  words.text.erase(0, end + 1);
  words.truncated = true;
  return words;
}

}  // namespace jobinit::logs
