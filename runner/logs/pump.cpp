#include "jobinit/logs/pump.hpp"

#include <algorithm>
#include <boost/system/error_code.hpp>

namespace jobinit::logs {

using boost::asio::posix::stream_descriptor;

namespace {

constexpr std::size_t kBufferSize = 65536;  // as much as a pipe holds by default (pipe(7))

}  // namespace

Pump::Pump(boost::asio::io_context& loop, kernel::Fd pipe, kernel::Output output, Tail& tail,
           std::function<void()> on_change)
    : input_(loop),
      pipe_(std::move(pipe)),
      output_(std::move(output)),
      tail_(tail),
      on_change_(std::move(on_change)),
      buffer_(kBufferSize) {
  // "Killed" is what a shell says when there is no memory left: to take that in must not need any.
  buffer_.touch(1);
  if (output_.pollable() >= 0) {
    writable_.emplace(loop);
  }
}

Pump::~Pump() { take_back(); }

bool Pump::watch() {
  // The descriptors are lent to asio for waiting only, and taken back in the end: what owns them closes them.
  boost::system::error_code failure;
  input_.assign(pipe_.get(), failure);
  if (!failure && writable_) {
    writable_->assign(output_.pollable(), failure);
  }
  return !failure;
}

void Pump::start() { wait_for_input(); }

void Pump::wait_for_input() {
  if (reading_ || done_) {
    return;
  }
  reading_ = true;
  input_.async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
    if (failure) {
      return;
    }
    reading_ = false;
    on_input();
  });
}

void Pump::on_input() {
  // One buffer a turn, so that a job that never stops writing cannot keep the loop from clocks and signals; when the
  // job is gone, what it left in the pipe is read at once, and no more than that: a stranger may hold the pipe and
  // write on.
  do {
    if (done_ || pending_from_ < pending_to_) {
      return;
    }
    if (finishing_ && last_bytes_ == 0) {
      return end();
    }
    const std::span<char> room = buffer_.span().first(finishing_ ? std::min(kBufferSize, last_bytes_) : kBufferSize);
    const kernel::Got got = kernel::read_available(pipe_, room);
    if (got.end || (got.would_block && finishing_)) {
      return end();
    }
    if (got.would_block) {
      break;
    }
    if (finishing_) {
      last_bytes_ -= got.bytes;
    }
    counts_.bytes += got.bytes;
    tail_.append(buffer_.span().first(got.bytes));
    pending_from_ = 0;
    pending_to_ = got.bytes;
    if (!flush()) {
      return;
    }
  } while (finishing_);
  wait_for_input();
  on_change_();
}

bool Pump::flush() {
  while (pending_from_ < pending_to_) {
    const auto pending = std::span<const char>(buffer_.span()).subspan(pending_from_, pending_to_ - pending_from_);
    if (output_failed_) {
      counts_.dropped += pending.size();
      pending_from_ = pending_to_;
      return true;
    }
    const kernel::Output::Written written = output_.write(pending);
    pending_from_ += written.bytes;
    // A reader that has gone away must not end the run: the job's output is read on and only counted and kept for the
    // report.
    output_failed_ = written.failed != 0 || (written.would_block && !writable_);
    if (written.would_block && writable_) {
      writable_->async_wait(stream_descriptor::wait_read, [this](boost::system::error_code failure) {
        if (failure || done_) {
          return;
        }
        if (flush()) {
          on_input();
        }
        on_change_();
      });
      return false;
    }
  }
  return true;
}

void Pump::finish() {
  if (done_ || finishing_) {
    return;
  }
  finishing_ = true;
  last_bytes_ = kernel::unread_bytes(pipe_);
  on_input();
}

void Pump::abandon() {
  if (done_) {
    return;
  }
  counts_.dropped += pending_to_ - pending_from_;
  const std::size_t unread = kernel::unread_bytes(pipe_);
  counts_.bytes += unread;
  counts_.dropped += unread;
  end();
}

void Pump::end() {
  if (done_) {
    return;
  }
  done_ = true;
  take_back();
  pipe_.reset();
  on_change_();
}

void Pump::take_back() {
  if (input_.is_open()) {
    input_.release();
  }
  if (writable_ && writable_->is_open()) {
    writable_->release();
  }
}

}  // namespace jobinit::logs
