// Carries one stream of the job's output from its pipe to where jobinit's own output goes, in order and without loss.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <optional>

#include "jobinit/kernel/output.hpp"
#include "jobinit/logs/buffer.hpp"
#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/gate.hpp"
#include "jobinit/logs/last_words.hpp"
#include "jobinit/logs/log_file.hpp"

namespace jobinit::logs {

struct Counts {
  std::uint64_t bytes = 0;                 // read from the job
  std::uint64_t dropped = 0;               // of those, never written: see failure; or it stood still for too long
  std::uint64_t suppressed = 0;            // of the bytes, beyond the rate
  std::optional<std::uint64_t> lines = 0;  // line ends; nullopt: some passed unread
  int failure = 0;                         // errno of the first write that failed
  std::optional<std::chrono::steady_clock::time_point> first_at;  // when the job's first byte was read
};

// Back-pressure is the pipe's own: while the output is full nothing is read, so that a slow reader slows the job, and
// memory stays at one buffer a stage. PID 1 itself never waits: both ends are only touched when the loop says they are
// ready. Bytes that nobody has to look at are read and written while they are few, and moved within the kernel when
// there are many.
class Pump {
 public:
  struct Calls {
    std::function<void()> on_change;              // after every step forward, and once when the pump is done
    std::function<void(int failure)> on_failure;  // errno; once, at the first write that fails
  };
  // Where it goes, and through what.
  struct Way {
    std::optional<kernel::Output> output;
    LogFile* file = nullptr;  // beside it, or instead; must outlive the pump
    Stages stages;
    LogRate rate;
    LogOverflow overflow = LogOverflow::block;  // of the output
  };
  // `words` must outlive the pump.
  Pump(boost::asio::io_context& loop, kernel::Fd pipe, Way way, LastWords& words, Calls calls);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  // Before the job is there, since it can fail: false where the kernel does not watch both ends for us.
  bool watch();
  void start();
  // The job is gone: whatever is in the pipe now is the last of it, whoever else may still hold its other end.
  void finish();
  // Stops at once. What was not written counts as dropped; what the job left in the pipe still belongs to its last
  // words.
  void abandon();

  bool done() const { return done_; }
  // True while the job is held up, since what it wrote could not be written yet.
  bool waits_for_reader() const { return blocked_ && !drops_; }
  Counts counts() const;
  // As LastWords numbers it.
  std::size_t stream() const { return stream_; }

 private:
  enum class Turn {
    moved,
    moved_all,  // for now
    waits,      // for the reader
    ended,
  };
  struct Stage {
    explicit Stage(Transform& does, std::size_t size) : transform(does), out(size) {}
    Transform& transform;
    Buffer out;
    bool done = false;  // has given out the last
    std::optional<std::chrono::steady_clock::time_point> hold_until;
  };

  void wait_for_input();
  void wait_for_output();
  void wait_for_time();
  void go_on();
  void tell_of_progress();
  Turn take_turn();
  Turn convey(std::size_t there);
  Turn carry();
  std::size_t see_how_much();
  void count(std::size_t bytes);
  void take_in(std::span<const char> bytes);
  // Passes on what has been read; false when it must wait for the reader.
  bool pass_on(bool last);
  // Whether it has to wait for the reader with everything.
  bool is_held_up(bool last);
  bool run(Stage& stage, Buffer& from, bool last, const Instant& now);
  bool run_gate(Buffer& from, bool last, const Instant& now);
  bool tell_of_loss(const Instant& now);
  bool write(Buffer& buffer);
  void write_to_file(Buffer& buffer);
  void fail(int failure);
  void drop(Buffer& buffer);
  Buffer& outlet();
  void end();
  void take_back();

  boost::asio::posix::stream_descriptor input_;
  kernel::Fd pipe_;  // the same pipe; a descriptor of its own, so that reading does not go through asio
  std::optional<kernel::Output> output_;
  std::optional<boost::asio::posix::stream_descriptor> writable_;
  std::optional<boost::asio::steady_timer> timer_;  // for what stages hold back
  LogFile* file_;
  Stages stages_;
  LastWords& words_;
  std::size_t stream_;
  Calls calls_;
  Counts counts_;
  Buffer inlet_;
  std::optional<Stage> filter_;
  std::optional<Gate> gate_;
  std::optional<Stage> gated_;
  std::optional<Stage> format_;
  std::uint64_t settled_ = 0;  // of the bytes read: written or dropped
  std::size_t filed_ = 0;      // at the front of the outlet: already in the file
  bool may_convey_ = false;
  bool conveying_ = false;
  unsigned full_reads_ = 0;  // in a row
  bool widened_ = false;     // both pipes, though bytes are read
  unsigned calm_ = 0;        // turns in a row with little to move
  std::size_t noted_ = 0;    // at the front of the pipe: already among the last words
  bool reading_ = false;
  bool blocked_ = false;  // the output is full
  bool drops_ = false;    // what comes meanwhile
  bool finishing_ = false;
  std::size_t last_bytes_ = 0;  // finishing: how much of what the job left is still to be read
  bool ended_ = false;          // nothing more will be read
  bool output_failed_ = false;
  bool progress_ = false;  // since it was told
  bool done_ = false;
};

}  // namespace jobinit::logs
