// The pump between real pipes, files and sockets: what comes out is what went in, however it is cut.
#include "jobinit/logs/pump.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "support.hpp"

namespace jobinit::logs {
namespace {

using std::chrono::steady_clock;

// As kernel::block_signals() leaves it.
struct NoSigpipe {
  NoSigpipe() { ::signal(SIGPIPE, SIG_IGN); }
};
const NoSigpipe no_sigpipe;  // NOLINT(cert-err58-cpp): cannot throw

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    c = random() % 40 == 0 ? '\n' : static_cast<char>(random());
  }
  return bytes;
}

// Writes each byte twice, and takes and makes as little or as much as it likes.
class Twice : public Encoder {
 public:
  explicit Twice(unsigned seed) : random_(seed) {}
  Step step(std::span<const char> input, std::span<char> out, const Instant& /*now*/, bool /*last*/) override {
    const std::size_t most = std::min(input.size(), out.size() / 2);
    const std::size_t taken = most == 0 ? 0 : 1 + random_() % most;
    for (std::size_t i = 0; i < taken; ++i) {
      out[2 * i] = out[2 * i + 1] = input[i];
    }
    return {.taken = taken, .made = 2 * taken, .hold_until = std::nullopt};
  }
  std::size_t note(std::string_view, std::span<char>, const Instant&) override { return 0; }

 private:
  std::mt19937 random_;
};

// Lets a line go only when it is whole, or has waited; at the end whatever there is.
class WholeLines : public Transform {
 public:
  explicit WholeLines(Duration patience) : patience_(patience) {}
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override {
    Step step;
    const bool waited = since_ && now.monotonic >= *since_ + patience_;
    held_.append(input.begin(), input.end());
    step.taken = input.size();
    const std::size_t end = held_.rfind('\n');
    const std::size_t whole = last || waited ? held_.size() : end == std::string::npos ? 0 : end + 1;
    step.made = std::min(whole, out.size());
    std::copy_n(held_.begin(), step.made, out.begin());
    held_.erase(0, step.made);
    since_ = held_.empty() ? std::nullopt : std::optional(step.made > 0 || !since_ ? now.monotonic : *since_);
    if (since_) {
      step.hold_until = *since_ + patience_;
    }
    return step;
  }

 private:
  Duration patience_;
  std::string held_;
  std::optional<steady_clock::time_point> since_;
};

struct Ends {
  kernel::Fd write;
  kernel::Fd read;
};

Ends pipe_ends() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {kernel::Fd(ends[1]), kernel::Fd(ends[0])};
}

Ends socket_ends() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {kernel::Fd(ends[1]), kernel::Fd(ends[0])};
}

// One stream through a pump: a thread writes, another reads, the test's own runs the loop.
struct Flow {
  explicit Flow(std::size_t tail) : words({.bytes = tail}) {}

  void run(Stages stages, kernel::Output output) {
    Pump::Way way;
    way.output = std::move(output);
    way.stages = std::move(stages);
    run(std::move(way));
  }

  void run(Pump::Way way) {
    auto job = kernel::make_pipe();
    ASSERT_TRUE(job);
    std::thread writer([&, end = std::move(job->write)] {
      std::size_t at = 0;
      while (at < input.size()) {
        const std::size_t size = std::min<std::size_t>(input.size() - at, 1 + chunks() % largest_chunk);
        const ssize_t written = ::write(end.get(), input.data() + at, size);
        ASSERT_GT(written, 0);
        at += static_cast<std::size_t>(written);
      }
    });
    boost::asio::io_context loop(1);
    Pump pump(loop, std::move(job->read), std::move(way), words,
              {.on_change = [&] { ++changes; }, .on_failure = [&](int failure) { failures.push_back(failure); }});
    ASSERT_TRUE(pump.watch());
    pump.start();
    while (!pump.done()) {
      loop.restart();
      loop.run_one();
    }
    writer.join();
    counts = pump.counts();
  }

  std::mt19937 chunks{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  std::size_t largest_chunk = 100000;
  std::string input;
  LastWords words;
  Counts counts;
  int changes = 0;
  std::vector<int> failures;
};

std::string read_to_end(const kernel::Fd& fd, std::size_t most = 65536) {
  std::string all;
  std::string part(most, '\0');
  ssize_t got = 0;
  while ((got = ::read(fd.get(), part.data(), part.size())) > 0) {
    all.append(part.data(), static_cast<std::size_t>(got));
  }
  return all;
}

enum class Sink { pipe, socket, file, appended };

class PumpInto : public testing::TestWithParam<std::tuple<Sink, std::size_t>> {};

TEST_P(PumpInto, WhatComesOutIsWhatWentIn) {
  const auto [sink, size] = GetParam();
  std::mt19937 random(static_cast<unsigned>(size));  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  Flow flow(5000);
  flow.input = random_bytes(random, size);
  std::string output;
  if (sink == Sink::pipe || sink == Sink::socket) {
    Ends ends = sink == Sink::pipe ? pipe_ends() : socket_ends();
    std::thread reader([&] { output = read_to_end(ends.read); });
    auto opened = kernel::Output::open(ends.write.get());
    ASSERT_TRUE(opened);
    ends.write.reset();
    flow.run({}, std::move(*opened));
    reader.join();
  } else {
    test::TemporaryFolder folder;
    const std::string path = folder.path() + "/log";
    const kernel::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | (sink == Sink::appended ? O_APPEND : 0), 0600));
    auto opened = kernel::Output::open(file.get());
    ASSERT_TRUE(opened);
    flow.run({}, std::move(*opened));
    ::lseek(file.get(), 0, SEEK_SET);
    output = read_to_end(file);
  }
  EXPECT_TRUE(output == flow.input);
  EXPECT_EQ(flow.counts.bytes, size);
  EXPECT_EQ(flow.counts.dropped, 0U);
  EXPECT_EQ(flow.counts.first_at.has_value(), size > 0);
  if (flow.counts.lines) {
    EXPECT_EQ(*flow.counts.lines, static_cast<std::size_t>(std::count(output.begin(), output.end(), '\n')));
  }
  EXPECT_EQ(flow.words.all().text, output.substr(size - std::min<std::size_t>(size, 5000)));
  EXPECT_EQ(flow.words.all().truncated, size > 5000);
  EXPECT_TRUE(flow.failures.empty());
}

INSTANTIATE_TEST_SUITE_P(Sizes, PumpInto,
                         testing::Combine(testing::Values(Sink::pipe, Sink::socket, Sink::file, Sink::appended),
                                          testing::Values(0, 1, 65535, 65536, 65537, 5000000)));

TEST(Pump, LosesNothingBetweenStages) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    std::mt19937 random(seed);
    Flow flow(10000);
    flow.largest_chunk = seed % 2 == 0 ? 300 : 100000;
    flow.input = random_bytes(random, 1 + random() % 300000);
    Ends ends = pipe_ends();
    std::string output;
    std::thread reader([&] { output = read_to_end(ends.read); });
    auto opened = kernel::Output::open(ends.write.get());
    ASSERT_TRUE(opened);
    ends.write.reset();
    Stages stages;
    if (seed % 3 != 0) {
      stages.filter = std::make_unique<WholeLines>(std::chrono::hours(1));
    }
    stages.format = std::make_unique<Twice>(seed);
    flow.run(std::move(stages), std::move(*opened));
    reader.join();
    std::string expected;
    for (const char c : flow.input) {
      expected.append(2, c);
    }
    EXPECT_TRUE(output == expected) << seed;
    EXPECT_EQ(flow.words.all().text,
              flow.input.substr(flow.input.size() - std::min<std::size_t>(flow.input.size(), 10000)));
    EXPECT_EQ(flow.counts.lines, static_cast<std::size_t>(std::count(flow.input.begin(), flow.input.end(), '\n')));
  }
}

// A prompt without a line end comes when it has been held back for as long as the stage wants, though nothing follows.
TEST(Pump, AsksForWhatWasHeldBack) {
  Ends sink = pipe_ends();
  auto opened = kernel::Output::open(sink.write.get());
  ASSERT_TRUE(opened);
  auto job = kernel::make_pipe();
  ASSERT_TRUE(job);
  LastWords words({.bytes = 100});
  boost::asio::io_context loop(1);
  Stages stages;
  stages.filter = std::make_unique<WholeLines>(std::chrono::milliseconds(20));
  int changes = 0;
  Pump::Way way;
  way.output = std::move(*opened);
  way.stages = std::move(stages);
  Pump pump(loop, std::move(job->read), std::move(way), words,
            {.on_change = [&] { ++changes; }, .on_failure = [](int) {}});
  ASSERT_TRUE(pump.watch());
  pump.start();
  ASSERT_EQ(::write(job->write.get(), "whole\nName: ", 12), 12);
  std::string output;
  std::thread reader([&] {
    char byte = 0;
    while (output != "whole\nName: " && ::read(sink.read.get(), &byte, 1) == 1) {
      output += byte;
    }
    ::close(job->write.release());  // and so the pump comes to its end
  });
  while (!pump.done()) {
    loop.restart();
    loop.run_one();
  }
  reader.join();
  EXPECT_EQ(output, "whole\nName: ");
  EXPECT_EQ(changes, 2);  // the job wrote once, and ended
}

TEST(Pump, AReaderThatGoesAwayIsToldOnce) {
  std::mt19937 random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  Flow flow(100);
  flow.input = random_bytes(random, 3000000);
  Ends ends = pipe_ends();
  auto opened = kernel::Output::open(ends.write.get());
  ASSERT_TRUE(opened);
  ends.write.reset();
  std::string output(100000, '\0');
  std::thread reader([&] {
    ssize_t got = 0;
    for (std::size_t at = 0;
         at < output.size() && (got = ::read(ends.read.get(), &output[at], output.size() - at)) > 0;) {
      at += static_cast<std::size_t>(got);
    }
    ends.read.reset();
  });
  flow.run({}, std::move(*opened));
  reader.join();
  EXPECT_TRUE(output == flow.input.substr(0, output.size()));
  EXPECT_EQ(flow.failures, std::vector<int>{EPIPE});
  EXPECT_EQ(flow.counts.failure, EPIPE);
  EXPECT_EQ(flow.counts.bytes, flow.input.size());
  EXPECT_GT(flow.counts.dropped, 0U);
  EXPECT_LE(flow.counts.dropped, flow.input.size() - output.size());
  EXPECT_EQ(flow.words.all().text, flow.input.substr(flow.input.size() - 100));
}

TEST(Pump, AFullDiskIsToldOnceAndCounted) {
  std::mt19937 random(4);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (const std::size_t size : {std::size_t{1}, std::size_t{3000000}}) {
    Flow flow(100);
    flow.input = random_bytes(random, size);
    const kernel::Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    auto opened = kernel::Output::open(full.get());
    ASSERT_TRUE(opened);
    flow.run({}, std::move(*opened));
    EXPECT_EQ(flow.failures, std::vector<int>{ENOSPC});
    EXPECT_EQ(flow.counts.dropped, size);
    EXPECT_EQ(flow.counts.bytes, size);
  }
}

// A reader that stands still while the job writes on: what is missing is told where it is missing, to the byte.
TEST(Pump, DropsWhatNobodyReadsInTime) {
  Ends sink = pipe_ends();
  auto opened = kernel::Output::open(sink.write.get());
  ASSERT_TRUE(opened);
  sink.write.reset();
  auto job = kernel::make_pipe();
  ASSERT_TRUE(job);
  LastWords words({.bytes = 100});
  boost::asio::io_context loop(1);
  Pump::Way way;
  way.output = std::move(*opened);
  way.overflow = LogOverflow::drop;
  std::optional<Pump> pump;
  pump.emplace(loop, std::move(job->read), std::move(way), words,
               Pump::Calls{.on_change = [] {}, .on_failure = [](int) {}});
  ASSERT_TRUE(pump->watch());
  pump->start();
  std::string sent;
  std::size_t lines = 0;
  const auto send = [&](std::size_t bytes) {
    std::string block;
    while (block.size() < bytes) {
      block += fmt::format("line {}\n", lines++);
    }
    sent += block;
    std::thread writer([&] {
      for (std::size_t at = 0; at < block.size();) {
        const ssize_t written = ::write(job->write.get(), block.data() + at, block.size() - at);
        ASSERT_GT(written, 0);
        at += static_cast<std::size_t>(written);
      }
    });
    while (pump->counts().bytes < sent.size()) {
      loop.restart();
      loop.run_one();
    }
    writer.join();
  };
  send(5'000'000);  // far more than fits anywhere, and the job is never held up
  EXPECT_FALSE(pump->waits_for_reader());
  EXPECT_GT(pump->counts().dropped, 0U);
  std::string output;
  std::thread reader([&] { output = read_to_end(sink.read); });
  send(1000);
  job->write.reset();
  while (!pump->done()) {
    loop.restart();
    loop.run_one();
  }
  const Counts counts = pump->counts();
  pump.reset();  // and with it the pipe's last writing end
  reader.join();
  EXPECT_TRUE(words.all().text == sent.substr(sent.size() - 100));
  EXPECT_EQ(counts.lines, lines);
  const std::string note = fmt::format("jobinit: {} bytes (", counts.dropped);
  const std::size_t told = output.find(note);
  ASSERT_NE(told, std::string::npos) << note;
  EXPECT_TRUE(output.substr(0, told) == sent.substr(0, told));
  const std::size_t after = output.find('\n', told) + 1;
  EXPECT_TRUE(output.substr(after) == sent.substr(told + counts.dropped));
}

TEST(Pump, WritesToAFileBesideTheOutputOrInstead) {
  std::mt19937 random(6);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (const bool beside : {true, false}) {
    test::TemporaryFolder folder;
    auto file = LogFile::open(folder / "log", {.bytes = 1'000'000, .kept = 100});
    ASSERT_TRUE(file);
    Flow flow(100);
    flow.input = random_bytes(random, 3'000'000);
    Pump::Way way;
    way.file = &*file;
    std::string output;
    Ends ends = pipe_ends();
    std::thread reader([&] { output = read_to_end(ends.read, 3000); });
    if (beside) {
      auto opened = kernel::Output::open(ends.write.get());
      ASSERT_TRUE(opened);
      way.output = std::move(*opened);
    }
    ends.write.reset();
    flow.run(std::move(way));
    reader.join();
    EXPECT_TRUE(output == (beside ? flow.input : ""));
    std::string filed;
    for (int i = 100; i >= 0; --i) {
      const std::string path = i == 0 ? folder / "log" : folder / fmt::format("log.{}", i);
      filed += std::filesystem::exists(path) ? test::content_of(path) : "";
    }
    EXPECT_TRUE(filed == flow.input);
    EXPECT_EQ(flow.counts.dropped, 0U);
    EXPECT_GE(file->rotations(), 2U);
  }
}

// What the job left in its pipe while nobody read belongs to its last words, and is counted.
TEST(Pump, AbandonedStillKnowsTheLastWords) {
  Ends sink = pipe_ends();
  auto opened = kernel::Output::open(sink.write.get());
  ASSERT_TRUE(opened);
  auto job = kernel::make_pipe();
  ASSERT_TRUE(job);
  ASSERT_EQ(::fcntl(job->write.get(), F_SETFL, O_NONBLOCK), 0);
  LastWords words({.bytes = 1000});
  boost::asio::io_context loop(1);
  Pump::Way way;
  way.output = std::move(*opened);
  Pump pump(loop, std::move(job->read), std::move(way), words, {.on_change = [] {}, .on_failure = [](int) {}});
  ASSERT_TRUE(pump.watch());
  pump.start();
  std::mt19937 random(5);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  std::string sent;
  int stuck = 0;
  while (stuck < 3) {  // until nothing fits in any more, on either side
    const std::string bytes = random_bytes(random, 50000);
    const ssize_t written = ::write(job->write.get(), bytes.data(), bytes.size());
    sent += bytes.substr(0, static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    stuck = written > 0 ? 0 : stuck + 1;
    loop.restart();
    loop.poll();
  }
  EXPECT_TRUE(pump.waits_for_reader());
  pump.abandon();
  EXPECT_TRUE(pump.done());
  EXPECT_EQ(pump.counts().bytes, sent.size());
  EXPECT_TRUE(words.all().text == sent.substr(sent.size() - 1000));
  const std::size_t written = pump.counts().bytes - pump.counts().dropped;
  ::fcntl(sink.read.get(), F_SETFL, O_NONBLOCK);
  EXPECT_TRUE(read_to_end(sink.read) == sent.substr(0, written));
}

}  // namespace
}  // namespace jobinit::logs
