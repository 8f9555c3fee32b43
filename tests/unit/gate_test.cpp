// What is let through of a stream: counted to the byte, told in its place, and never a part of a line where it can be
// helped.
#include "jobinit/logs/gate.hpp"

#include <gtest/gtest.h>

#include <random>
#include <regex>
#include <sstream>

#include "support.hpp"

namespace jobinit::logs {
namespace {

using namespace std::chrono_literals;

Instant at(std::chrono::milliseconds time) { return {{}, std::chrono::steady_clock::time_point(1h + time)}; }

// A gate with what stands behind it: a queue that somebody empties.
struct Queue {
  Queue(LogRate rate, LogOverflow overflow, std::size_t capacity)
      : gate(rate, overflow, capacity), capacity_(capacity) {}

  // Returns what the gate did not take.
  std::string put(std::string_view input, std::chrono::milliseconds time = 0ms, bool last = false) {
    std::string room(capacity_ - held.size(), '\0');
    const Transform::Step step = gate.step(input, room, at(time), last);
    EXPECT_LE(step.made, room.size());
    held += room.substr(0, step.made);
    hold_until = step.hold_until;
    return std::string(input.substr(step.taken));
  }
  // The reader takes all, and hears what there is to tell.
  std::string take() {
    std::string all = std::exchange(held, "");
    if (!gate.note().empty()) {
      all += std::string(gate.note()) + "\n";
      gate.told();
    }
    return all;
  }

  Gate gate;
  std::size_t capacity_;
  std::string held;
  std::optional<std::chrono::steady_clock::time_point> hold_until;
};

TEST(Gate, WithRoomLetsEverythingThrough) {
  Queue queue({}, LogOverflow::drop, 1000);
  EXPECT_EQ(queue.put("one\ntwo\nthr"), "");
  EXPECT_EQ(queue.put("ee\n"), "");
  EXPECT_EQ(queue.take(), "one\ntwo\nthree\n");
  EXPECT_EQ(queue.gate.dropped() + queue.gate.suppressed(), 0U);
}

TEST(Gate, DropsWholeLinesUntilTheReaderIsBack) {
  Queue queue({}, LogOverflow::drop, 10);
  EXPECT_EQ(queue.put("1234\n5678\n9\nabc\n"), "");
  EXPECT_EQ(queue.held, "1234\n");
  EXPECT_EQ(queue.put("def\n"), "");  // would fit, but something before it is missing
  EXPECT_EQ(queue.take(), "1234\n");
  EXPECT_EQ(queue.put("gh\n"), "gh\n");
  EXPECT_EQ(queue.take(), "jobinit: 15 bytes (4 lines) of output dropped\n");
  EXPECT_EQ(queue.put("gh\n"), "");
  EXPECT_EQ(queue.take(), "gh\n");
  EXPECT_EQ(queue.gate.dropped(), 15U);
}

TEST(Gate, ALineThatDoesNotFitIsCutAndEnded) {
  Queue queue({}, LogOverflow::drop, 10);
  EXPECT_EQ(queue.put("123456789abcdef"), "");
  EXPECT_EQ(queue.put("ghi\nnext\n"), "");
  EXPECT_EQ(queue.take(), "123456789\n");
  EXPECT_EQ(queue.put("", 0ms, true), "");
  EXPECT_EQ(queue.take(), "jobinit: 15 bytes (2 lines) of output dropped\n");
  EXPECT_EQ(queue.gate.dropped(), 15U);
}

TEST(Gate, ALineWhoseRestDoesNotFitIsCutToo) {
  Queue queue({}, LogOverflow::drop, 10);
  EXPECT_EQ(queue.put("1234567"), "");
  EXPECT_EQ(queue.put("89abc\n"), "");
  EXPECT_EQ(queue.take(), "123456789\n");
  EXPECT_EQ(queue.put("x\n"), "x\n");
  EXPECT_EQ(queue.take(), "jobinit: 4 bytes (1 lines) of output dropped\n");
}

TEST(Gate, WhatIsLostAtTheEndIsTold) {
  Queue queue({}, LogOverflow::drop, 8);
  EXPECT_EQ(queue.put("12345\n12345\nunfinished"), "");
  EXPECT_EQ(queue.take(), "12345\n");
  EXPECT_EQ(queue.put("", 0ms, true), "");
  EXPECT_EQ(queue.take(), "jobinit: 16 bytes (1 lines) of output dropped\n");
}

TEST(Gate, LetsSoManyLinesASecondThrough) {
  Queue queue({.lines = 2, .bytes = 0}, LogOverflow::block, 1000);
  EXPECT_EQ(queue.put("1\n2\n3\n4\n", 0ms), "");
  EXPECT_EQ(queue.take(), "1\n2\n");
  EXPECT_EQ(queue.hold_until, at(1000ms).monotonic);
  EXPECT_EQ(queue.put("5\n", 999ms), "");
  EXPECT_EQ(queue.take(), "");
  EXPECT_EQ(queue.put("6\n", 1000ms), "6\n");
  EXPECT_EQ(queue.take(), "jobinit: 6 bytes (3 lines) of output suppressed\n");
  EXPECT_EQ(queue.put("6\n7\n8\n", 1000ms), "");
  EXPECT_EQ(queue.take(), "6\n7\n");
  EXPECT_EQ(queue.put("", 2000ms), "");  // nothing more comes, and yet it is told
  EXPECT_EQ(queue.take(), "jobinit: 2 bytes (1 lines) of output suppressed\n");
  EXPECT_EQ(queue.gate.suppressed(), 8U);
}

TEST(Gate, LetsSoManyBytesASecondThrough) {
  Queue queue({.lines = 0, .bytes = 4}, LogOverflow::block, 1000);
  EXPECT_EQ(queue.put("12\n345\n6\n"), "");
  EXPECT_EQ(queue.take(), "12\n345\n");
  EXPECT_EQ(queue.put("", 10ms, true), "");
  EXPECT_EQ(queue.take(), "jobinit: 2 bytes (1 lines) of output suppressed\n");
}

TEST(Gate, AStreamWithoutLineEndsIsCut) {
  Queue queue({.lines = 0, .bytes = 1000}, LogOverflow::block, 10'000'000);
  EXPECT_EQ(queue.put(std::string(60000, 'x')), "");
  EXPECT_EQ(queue.put(std::string(10000, 'x')), "");
  EXPECT_EQ(queue.put(std::string(50000, 'x')), "");
  EXPECT_EQ(queue.take(), std::string(70000, 'x') + "\n");
  EXPECT_EQ(queue.gate.suppressed(), 50000U);
}

TEST(Gate, BlockingTakesOnlyWhatFits) {
  Queue queue({.lines = 100, .bytes = 0}, LogOverflow::block, 5);
  EXPECT_EQ(queue.put("1234567\n"), "67\n");
  EXPECT_EQ(queue.put("67\n"), "67\n");
  EXPECT_EQ(queue.take(), "12345");
  EXPECT_EQ(queue.put("67\n"), "");
  EXPECT_EQ(queue.take(), "67\n");
}

// Whatever comes when: what is told to be missing is what is missing, and all lines that come are whole.
TEST(Gate, CountsToTheByte) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const LogRate rate{.lines = seed % 3 == 0 ? 5U : 0U, .bytes = seed % 5 == 0 ? 300U : 0U};
    const LogOverflow overflow = seed % 2 == 0 || rate.none() ? LogOverflow::drop : LogOverflow::block;
    Queue queue(rate, overflow, 200);
    std::string waiting;
    std::size_t sent = 0;
    std::size_t lines = 0;
    std::string output;
    std::chrono::milliseconds time{};
    for (int step = 0; step < 300; ++step) {
      for (std::size_t i = random() % 4; i > 0; --i) {
        std::string line = fmt::format("{}:", lines);
        line.append(random() % 60, 'x');
        waiting += line + "\n";
        sent += line.size() + 1;
        ++lines;
      }
      const std::size_t part = random() % (waiting.size() + 1);
      waiting = queue.put(waiting.substr(0, part), time) + waiting.substr(part);
      if (random() % 3 == 0) {
        output += queue.take();
      }
      time += std::chrono::milliseconds(random() % 100);
    }
    for (int turn = 0; turn < 100; ++turn) {
      waiting = queue.put(waiting, time, true);
      output += queue.take();
    }
    ASSERT_EQ(waiting, "") << seed;
    std::size_t told_bytes = 0;
    std::size_t told_lines = 0;
    std::size_t passed = 0;
    std::size_t passed_lines = 0;
    std::istringstream stream(output);
    const std::regex note("jobinit: (\\d+) bytes \\((\\d+) lines\\) of output (dropped|suppressed)");
    std::size_t least = 0;
    for (std::string line; std::getline(stream, line);) {
      std::smatch found;
      if (std::regex_match(line, found, note)) {
        told_bytes += std::stoul(found[1]);
        told_lines += std::stoul(found[2]);
        continue;
      }
      ASSERT_TRUE(std::regex_match(line, std::regex("\\d+(:x*)?"))) << seed << ": " << line;
      if (line.find(':') != std::string::npos) {  // else it was cut within its number
        const std::size_t number = std::stoul(line);
        ASSERT_GE(number, least) << seed;
        least = number + 1;
      }
      passed += line.size() + 1;
      ++passed_lines;
    }
    ASSERT_EQ(told_bytes, queue.gate.dropped() + queue.gate.suppressed()) << seed;
    // A line that was cut has got an end that is not the job's.
    ASSERT_GE(passed + told_bytes, sent) << seed;
    ASSERT_LE(passed + told_bytes, sent + told_lines) << seed;
    ASSERT_LE(passed_lines, lines) << seed;
  }
}

}  // namespace
}  // namespace jobinit::logs
