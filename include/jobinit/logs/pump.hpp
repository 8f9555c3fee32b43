// Carries one stream of the job's output from its pipe to where jobinit's own output goes, byte for byte and in order.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <optional>

#include "jobinit/kernel/output.hpp"
#include "jobinit/kernel/pages.hpp"
#include "jobinit/logs/tail.hpp"

namespace jobinit::logs {

struct Counts {
  std::uint64_t bytes = 0;    // read from the job
  std::uint64_t dropped = 0;  // of those, never written: the reader had closed, or stood still for too long
};

// Back-pressure is the pipe's own: while the output is full nothing is read, so that a slow reader slows the job, and
// memory stays at one buffer. PID 1 itself never waits: both ends are only touched when the loop says they are ready.
class Pump {
 public:
  // `tail` must outlive the pump. `on_change` is called after every step forward, and once when the pump is done.
  Pump(boost::asio::io_context& loop, kernel::Fd pipe, kernel::Output output, Tail& tail,
       std::function<void()> on_change);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  // Before the job is there, since it can fail: false where the kernel does not watch both ends for us.
  bool watch();
  void start();
  // The job is gone: whatever is in the pipe now is the last of it, whoever else may still hold its other end.
  void finish();
  // Stops at once; what was not written counts as dropped.
  void abandon();

  bool done() const { return done_; }
  // True while bytes of the job could not be written yet.
  bool waits_for_reader() const { return pending_from_ < pending_to_; }
  const Counts& counts() const { return counts_; }

 private:
  void wait_for_input();
  void on_input();
  // Writes what is pending; false when it must wait for the reader.
  bool flush();
  void end();
  void take_back();

  boost::asio::posix::stream_descriptor input_;
  kernel::Fd pipe_;  // the same pipe; a descriptor of its own, so that reading does not go through asio
  kernel::Output output_;
  std::optional<boost::asio::posix::stream_descriptor> writable_;
  Tail& tail_;
  std::function<void()> on_change_;
  Counts counts_;
  kernel::Pages buffer_;
  std::size_t pending_from_ = 0;
  std::size_t pending_to_ = 0;
  bool reading_ = false;
  bool finishing_ = false;
  std::size_t last_bytes_ = 0;  // finishing: how much of what the job left is still to be read
  bool output_failed_ = false;
  bool done_ = false;
};

}  // namespace jobinit::logs
