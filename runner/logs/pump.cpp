#include "jobinit/logs/pump.hpp"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstring>

#include "jobinit/kernel/splice.hpp"

namespace jobinit::logs {

using boost::asio::posix::stream_descriptor;

namespace {

constexpr std::size_t kBufferSize = 65536;  // as much as a pipe holds by default (pipe(7))
// A stream that fills its pipe is moved by the kernel from then on, and the pipes are widened: fewer turns. It is read
// again when there has been little to move for some turns.
constexpr std::size_t kMuch = kBufferSize / 2;
constexpr unsigned kFullReads = 4;
constexpr std::size_t kLittle = kBufferSize / 4;
constexpr unsigned kCalmTurns = 16;
// What may wait for the reader before anything is dropped.
constexpr std::size_t kDropBuffer = 16 * kBufferSize;
constexpr std::size_t kWidePipe = 8 * kBufferSize;
// So much is done before the loop has its turn, so that a job that never stops writing cannot keep it from clocks and
// signals.
constexpr unsigned kTurns = 8;

// What a retry cannot help: nobody reads any more, or it cannot be written to at all. A full disk may have room again.
bool is_for_good(int failure) { return failure == EPIPE || failure == EBADF || failure == EINVAL; }

std::size_t count_lines(std::span<const char> bytes) {
  std::size_t lines = 0;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))) != nullptr) {
    ++at;
    ++lines;
  }
  return lines;
}

}  // namespace

Pump::Pump(boost::asio::io_context& loop, kernel::Fd pipe, Way way, LastWords& words, Calls calls)
    : input_(loop),
      pipe_(std::move(pipe)),
      output_(std::move(way.output)),
      file_(way.file),
      stages_(std::move(way.stages)),
      words_(words),
      stream_(words.add_stream()),
      calls_(std::move(calls)),
      inlet_(kBufferSize) {
  // "Killed" is what a shell says when there is no memory left: to take that in must not need any.
  inlet_.touch(1);
  if (output_ && output_->pollable() >= 0) {
    writable_.emplace(loop);
  }
  drops_ = way.overflow == LogOverflow::drop && writable_;
  if (stages_.filter) {
    filter_.emplace(*stages_.filter, kBufferSize);
  }
  if (stages_.format) {
    format_.emplace(*stages_.format, 2 * kBufferSize);
  }
  if (drops_ || !way.rate.none()) {
    const std::size_t size = drops_ ? kDropBuffer : kBufferSize;
    gate_.emplace(way.rate, drops_ ? LogOverflow::drop : LogOverflow::block, size);
    gated_.emplace(*gate_, size);
  }
  if (!stages_.raw() || gate_) {
    timer_.emplace(loop);
  }
  may_convey_ = stages_.raw() && !gate_ && file_ == nullptr && output_ && output_->can_move();
}

Pump::~Pump() { take_back(); }

bool Pump::watch() {
  // The descriptors are lent to asio for waiting only, and taken back in the end: what owns them closes them.
  boost::system::error_code failure;
  input_.assign(pipe_.get(), failure);
  if (!failure && writable_) {
    writable_->assign(output_->pollable(), failure);
  }
  return !failure;
}

void Pump::start() { wait_for_input(); }

void Pump::wait_for_input() {
  if (reading_) {
    return;
  }
  reading_ = true;
  input_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
    if (failure) {
      return;
    }
    reading_ = false;
    go_on();
  });
}

void Pump::wait_for_output() {
  if (std::exchange(blocked_, true)) {
    return;
  }
  writable_->async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
    if (failure || done_) {
      return;
    }
    blocked_ = false;
    go_on();
  });
}

// A stage that holds something back wants to be asked again.
void Pump::wait_for_time() {
  std::optional<std::chrono::steady_clock::time_point> until;
  for (const auto* stage : {&filter_, &gated_, &format_}) {
    if (*stage && (*stage)->hold_until && (!until || *(*stage)->hold_until < *until)) {
      until = (*stage)->hold_until;
    }
  }
  if (!until || timer_->expiry() == *until) {
    return;
  }
  timer_->expires_at(*until);
  timer_->async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) {
      timer_->expires_at({});
      go_on();
    }
  });
}

void Pump::go_on() {
  // When the job is gone, what it left in the pipe is taken at once, and no more than that: a stranger may hold the
  // pipe and write on.
  for (unsigned turn = 0; turn < kTurns || finishing_; ++turn) {
    if (done_ || waits_for_reader()) {
      return;
    }
    const Turn did = take_turn();
    if (did == Turn::ended) {
      return end();
    }
    if (did == Turn::waits) {
      wait_for_output();
      return tell_of_progress();
    }
    if (did == Turn::moved_all && !finishing_) {
      break;
    }
  }
  wait_for_input();
  wait_for_time();
  tell_of_progress();
}

// What is held back for a while and then written is no news of the job.
void Pump::tell_of_progress() {
  if (std::exchange(progress_, false)) {
    calls_.on_change();
  }
}

Pump::Turn Pump::take_turn() {
  if (is_held_up(ended_)) {
    return Turn::waits;
  }
  if (ended_) {
    return Turn::ended;
  }
  if (finishing_ && last_bytes_ == 0) {
    ended_ = true;
    return Turn::moved;
  }
  const std::size_t there = may_convey_ && (conveying_ || full_reads_ > 0) ? see_how_much() : 0;
  return conveying_ && there > 0 ? convey(there) : carry();
}

std::size_t Pump::see_how_much() {
  std::size_t there = kernel::unread_bytes(pipe_);
  if (finishing_) {
    there = std::min(there, last_bytes_);
  }
  if (!conveying_ && (there >= kMuch || full_reads_ >= kFullReads)) {
    conveying_ = true;
    calm_ = 0;
    kernel::widen_pipe(pipe_, kWidePipe);
    output_->widen(kWidePipe);
  } else if (conveying_ && there < kLittle) {
    conveying_ = ++calm_ < kCalmTurns;
    if (!conveying_) {
      kernel::narrow_pipe(pipe_);
    }
  } else {
    calm_ = 0;
  }
  return there;
}

Pump::Turn Pump::convey(std::size_t there) {
  // As long as so much comes after them, nobody will want to know what these bytes were.
  const bool unseen = noted_ == 0 && there > 2 * words_.capacity();
  if (noted_ == 0 && !unseen) {
    noted_ = words_.note(stream_, pipe_, there);
    may_convey_ = conveying_ = noted_ > 0;
  }
  if (!conveying_) {
    return Turn::moved;
  }
  const kernel::Output::Moved moved = output_->move_from(pipe_, unseen ? there - words_.capacity() : noted_);
  if (moved.failed != 0) {
    may_convey_ = conveying_ = false;  // write() knows another way, or tells what is wrong
    return Turn::moved;
  }
  if (moved.would_block) {
    return writable_ ? Turn::waits : Turn::moved_all;
  }
  count(moved.bytes);
  counts_.lines.reset();
  settled_ = counts_.bytes;
  if (unseen) {
    words_.skip(stream_, moved.bytes);
  } else {
    noted_ -= moved.bytes;
  }
  return Turn::moved;
}

Pump::Turn Pump::carry() {
  const std::size_t most = finishing_ ? std::min(kBufferSize, last_bytes_) : kBufferSize;
  const kernel::Got got = kernel::read_available(pipe_, inlet_.room().first(most));
  if (got.end || (got.would_block && finishing_)) {
    ended_ = true;
    return Turn::moved;
  }
  if (got.would_block) {
    return Turn::moved_all;
  }
  full_reads_ = got.bytes == kBufferSize ? full_reads_ + 1 : 0;
  if (full_reads_ > 0 && !may_convey_ && !widened_) {  // fewer, longer turns for all three: the job, us and the reader
    kernel::widen_pipe(pipe_, kWidePipe);
    if (output_) {
      output_->widen(kWidePipe);
    }
    widened_ = true;
  }
  take_in(inlet_.room().first(got.bytes));
  inlet_.put(got.bytes);
  if (is_held_up(false)) {
    return Turn::waits;
  }
  return got.bytes < most ? Turn::moved_all : Turn::moved;
}

void Pump::count(std::size_t bytes) {
  progress_ = true;
  if (counts_.bytes == 0) {
    counts_.first_at = std::chrono::steady_clock::now();
  }
  counts_.bytes += bytes;
  if (finishing_) {
    last_bytes_ -= bytes;
  }
}

void Pump::take_in(std::span<const char> bytes) {
  count(bytes.size());
  if (counts_.lines) {
    *counts_.lines += count_lines(bytes);
  }
  const std::size_t known = std::min(noted_, bytes.size());
  noted_ -= known;
  if (!filter_) {
    words_.append(stream_, bytes.subspan(known));
  }
}

Buffer& Pump::outlet() {
  for (auto* stage : {&format_, &gated_, &filter_}) {
    if (*stage) {
      return (*stage)->out;
    }
  }
  return inlet_;
}

bool Pump::is_held_up(bool last) {
  if (pass_on(last)) {
    return false;
  }
  wait_for_output();
  return !drops_ || last;
}

bool Pump::pass_on(bool last) {
  for (;;) {
    const bool written = write(outlet());
    if (!timer_) {  // there are no stages
      settled_ = written ? counts_.bytes : settled_;
      return written;
    }
    const Instant now{std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
    Buffer* from = &inlet_;
    bool ends = last;
    bool got_on = false;
    for (auto* stage : {&filter_, &gated_, &format_}) {
      if (*stage) {
        got_on = (stage == &gated_ ? run_gate(*from, ends, now) : run(**stage, *from, ends, now)) || got_on;
        from = &(*stage)->out;
        ends = (*stage)->done;
      }
    }
    if (!got_on) {
      settled_ = written ? counts_.bytes : settled_;
      return written;
    }
    if (!written && !drops_) {
      return false;
    }
  }
}

bool Pump::run(Stage& stage, Buffer& from, bool last, const Instant& now) {
  const bool due = stage.hold_until && *stage.hold_until <= now.monotonic;
  const std::span<char> room = stage.out.room();
  if (stage.done || room.size() < Transform::kLeastRoom || (from.empty() && !last && !due)) {
    return false;
  }
  const Transform::Step step = stage.transform.step(from.content(), room, now, last);
  from.take(step.taken);
  stage.out.put(step.made);
  const bool got_on = step.taken > 0 || step.made > 0;
  stage.hold_until = due && !got_on ? std::nullopt : step.hold_until;
  stage.done = last && from.empty() && step.made == 0;
  if (filter_ && &stage == &*filter_) {
    words_.append(stream_, room.first(step.made));
  }
  return got_on || stage.done;
}

bool Pump::run_gate(Buffer& from, bool last, const Instant& now) {
  if (gated_->done) {
    return false;
  }
  if (!gate_->note().empty()) {
    return tell_of_loss(now);
  }
  gated_->out.compact();
  const Transform::Step step = gate_->step(from.content(), gated_->out.room(), now, last);
  from.take(step.taken);
  gated_->out.put(step.made);
  gated_->hold_until = step.hold_until;
  gated_->done = last && from.empty() && step.made == 0 && !gate_->owes_note();
  return step.taken > 0 || step.made > 0 || !gate_->note().empty() || gated_->done;
}

// In its place: all that was let through before has been formatted, or written.
bool Pump::tell_of_loss(const Instant& now) {
  if (!gated_->out.empty()) {
    return false;
  }
  if (format_) {
    const std::size_t made = stages_.format->note(gate_->note(), format_->out.room(), now);
    if (made == 0 && !format_->out.empty()) {
      return false;
    }
    format_->out.put(made);
  } else {
    const std::string_view note = gate_->note();
    const std::span<char> room = gated_->out.room();
    std::copy(note.begin(), note.end(), room.begin());
    room[note.size()] = '\n';
    gated_->out.put(note.size() + 1);
  }
  gate_->told();
  return true;
}

// Once, however often it takes until the output has it too.
void Pump::write_to_file(Buffer& buffer) {
  const std::span<const char> fresh = buffer.content().subspan(filed_);
  const std::uint64_t dropped_before = file_->dropped();
  file_->write(fresh);
  filed_ += fresh.size();
  if (!output_) {
    counts_.dropped += file_->dropped() - dropped_before;
    filed_ = 0;
    buffer.clear();
  }
}

bool Pump::write(Buffer& buffer) {
  if (file_ != nullptr && !buffer.empty()) {
    write_to_file(buffer);
  }
  if (blocked_) {
    return buffer.empty();
  }
  while (!buffer.empty()) {
    if (output_failed_) {
      drop(buffer);
      return true;
    }
    const kernel::Output::Written written = output_->write(buffer.content());
    buffer.take(written.bytes);
    filed_ -= std::min(filed_, written.bytes);
    progress_ = progress_ || (finishing_ && written.bytes > 0);
    if (written.failed != 0 || (written.would_block && !writable_)) {
      fail(written.failed != 0 ? written.failed : EAGAIN);
      drop(buffer);
    } else if (written.would_block) {
      return false;
    }
  }
  return true;
}

// A reader that has gone away must not end the run: the job's output is read on and only counted and kept for the
// report.
void Pump::fail(int failure) {
  output_failed_ = is_for_good(failure);
  if (counts_.failure == 0) {
    counts_.failure = failure;
    calls_.on_failure(failure);
  }
}

// Of what a stage has made nobody can say which of the job's bytes it was: all that were not written yet are counted.
void Pump::drop(Buffer& buffer) {
  counts_.dropped += stages_.raw() ? buffer.content().size() : counts_.bytes - settled_;
  settled_ = counts_.bytes;
  filed_ = 0;
  buffer.clear();
}

Counts Pump::counts() const {
  Counts counts = counts_;
  if (gate_) {
    counts.dropped += gate_->dropped();
    counts.suppressed = gate_->suppressed();
  }
  return counts;
}

void Pump::finish() {
  if (done_ || finishing_) {
    return;
  }
  finishing_ = true;
  last_bytes_ = kernel::unread_bytes(pipe_);
  go_on();
}

void Pump::abandon() {
  if (done_) {
    return;
  }
  drop(outlet());
  inlet_.clear();
  std::size_t rest = kernel::unread_bytes(pipe_);
  while (rest > 0) {
    const kernel::Got got = kernel::read_available(pipe_, inlet_.room().first(std::min(rest, kBufferSize)));
    if (got.bytes == 0) {
      break;
    }
    rest -= got.bytes;
    finishing_ = false;
    take_in(inlet_.room().first(got.bytes));
    inlet_.put(got.bytes);
    const Instant now{std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
    while (filter_ && run(*filter_, inlet_, false, now)) {
      filter_->out.clear();
    }
    drop(inlet_);
  }
  end();
}

void Pump::end() {
  if (done_) {
    return;
  }
  done_ = true;
  blocked_ = false;
  take_back();
  pipe_.reset();
  calls_.on_change();
}

void Pump::take_back() {
  if (input_.is_open()) {
    input_.release();
  }
  if (writable_ && writable_->is_open()) {
    writable_->release();
  }
  if (timer_) {
    timer_->cancel();
  }
}

}  // namespace jobinit::logs
