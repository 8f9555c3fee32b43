// Sinks: how they are written in a setting, and what arrives in each.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <stdexcept>

#include "jobinit/deliver/event.hpp"
#include "jobinit/deliver/sink.hpp"
#include "jobinit/kernel/fd.hpp"
#include "jobinit/kernel/output.hpp"
#include "jobinit/report/metrics.hpp"
#include "support.hpp"

namespace jobinit::deliver {
namespace {

using namespace std::chrono_literals;
using report::Document;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Sink sink_of(const std::string& text) {
  auto sink = parse_sink(text);
  if (!sink) {
    throw std::runtime_error(text + ": " + sink.failure().message);
  }
  return *sink;
}

void deliver(const std::string& text, const Document& report) {
  const Sink sink = sink_of(text);
  ASSERT_NE(sink.kind->write, nullptr);
  const auto written = sink.kind->write(sink, finished_event(report), 1s);
  ASSERT_TRUE(written) << written.failure().message;
}

// ---- how they are written -------------------------------------------------------------------------------------------

struct Good {
  const char* name;
  std::string text;
  const char* scheme;
  const char* target;
  bool network;
  const char* shown = nullptr;  // null: as written
  friend void PrintTo(const Good& good, std::ostream* out) { *out << good.name; }
};

class GoodSink : public testing::TestWithParam<Good> {};

TEST_P(GoodSink, IsUnderstood) {
  const Good& row = GetParam();
  const auto sink = parse_sink(row.text);
  ASSERT_TRUE(sink) << sink.failure().message;
  EXPECT_EQ(sink->scheme, row.scheme);
  EXPECT_EQ(sink->target, row.target);
  EXPECT_EQ(sink->shown, row.shown == nullptr ? row.text : row.shown);
  EXPECT_EQ(sink->kind->network(), row.network);
  EXPECT_EQ(sink->kind->write == nullptr, row.network) << "either PID 1 writes it or the deliver process sends it";
}

INSTANTIATE_TEST_SUITE_P(
    Each, GoodSink,
    testing::Values(
        Good{"file", "file:/run/report.json", "file", "/run/report.json", false},
        Good{"file as a URL", "file:///run/report.json", "file", "///run/report.json", false},
        Good{"file in this folder", "file:report.json", "file", "report.json", false},
        Good{"file with a colon", "file:/run/a:b", "file", "/run/a:b", false},
        Good{"stdout", "stdout:", "stdout", "", false}, Good{"stderr", "stderr:", "stderr", "", false},
        Good{"termination log", "termination-log:", "termination-log", "", false},
        Good{"termination log elsewhere", "termination-log:/dev/t", "termination-log", "/dev/t", false},
        Good{"textfile", "textfile:/t/job.prom", "textfile", "/t/job.prom", false},
        Good{"pushgateway", "pushgateway+http://host:9091", "pushgateway+http", "//host:9091", true},
        Good{"pushgateway by IPv6", "pushgateway+http://[::1]:9091", "pushgateway+http", "//[::1]:9091", true},
        Good{"pushgateway, trailing slash", "pushgateway+https://host/", "pushgateway+https", "//host/", true},
        Good{"pushgateway, labels", "pushgateway+https://host/region/eu", "pushgateway+https", "//host/region/eu",
             true},
        Good{"pushgateway, base64 label", "pushgateway+https://host/path@base64/L3Zhcg", "pushgateway+https",
             "//host/path@base64/L3Zhcg", true},
        Good{"pushgateway, credentials", "pushgateway+https://user:s3cret@host/region/eu", "pushgateway+https",
             "//user:s3cret@host/region/eu", true, "pushgateway+https://***@host/region/eu"}),
    test::kRowName);

struct Bad {
  const char* name;
  const char* text;
  const char* message;
  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }
};

class BadSink : public testing::TestWithParam<Bad> {};

TEST_P(BadSink, IsRefusedAtTheStart) {
  const auto sink = parse_sink(GetParam().text);
  ASSERT_FALSE(sink) << GetParam().text;
  EXPECT_THAT(sink.failure().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadSink,
    testing::Values(
        Bad{"nothing", "", "SCHEME:TARGET"}, Bad{"a path", "/run/report.json", "such as file:/var/run/report.json"},
        Bad{"scheme without colon", "stdout", "such as stdout:..."},
        Bad{"mistyped scheme without colon", "stdotu", "such as stdout:..."},
        Bad{"mistyped scheme", "fiel:/run/report.json", "\"fiel:\" is no sink; did you mean file:?"},
        Bad{"mistyped pushgateway", "pushgatway+http://host", "did you mean pushgateway+http:?"},
        Bad{"schemes are lower case", "FILE:/run/report.json", "did you mean file:?"},
        Bad{"unknown scheme", "carrierpigeon://host",
            "there are file, stdout, stderr, termination-log, textfile, push"},
        Bad{"no scheme", ":/run/report.json", "is no sink"}, Bad{"file without a path", "file:", "needs the path"},
        Bad{"a folder", "file:/run/", "needs the path of a file"},
        Bad{"stdout with a target", "stdout:/x", "stdout: takes nothing after the colon"},
        Bad{"textfile of another name", "textfile:/t/job.txt", "*.prom"},
        Bad{"pushgateway without slashes", "pushgateway+http:host", "write it like pushgateway+http://HOST[:PORT]"},
        Bad{"pushgateway without a host", "pushgateway+http://", "no host"},
        Bad{"pushgateway with a port only", "pushgateway+http://:9091", "no host"},
        Bad{"pushgateway with credentials only", "pushgateway+http://user:pass@/a/b", "no host"},
        Bad{"pushgateway, a label without a value", "pushgateway+http://host/region", "pairs of /LABEL/VALUE"},
        Bad{"pushgateway, the job label", "pushgateway+http://host/job/x", "set it with --name"},
        Bad{"pushgateway, no label name", "pushgateway+http://host/a-b/x", "\"a-b\" is not a label name"},
        Bad{"pushgateway, label that starts with a digit", "pushgateway+http://host/1a/x",
            "\"1a\" is not a label name"},
        Bad{"pushgateway, no name before base64", "pushgateway+http://host/@base64/eA", "is not a label name"},
        Bad{"pushgateway, a query", "pushgateway+http://host/?a=b", "a query has no meaning"},
        Bad{"pushgateway, no option", "pushgateway+http://host/#metod=put", "did you mean method?"},
        Bad{"pushgateway, no method", "pushgateway+http://host/#method=patch", "the method is post or put"},
        Bad{"pushgateway, no time to delete", "pushgateway+http://host/#delete=always", "delete is never or success"},
        Bad{"empty filter", "file:/run/report.json#on=", "never be told anything"},
        Bad{"mistyped event", "pushgateway+http://host#on=strated", "did you mean started?"},
        Bad{"mistyped cause", "stdout:#on=failed,timeuot", "did you mean timeout?"},
        Bad{"no event at all", "stdout:#on=xyzzyplugh", "none of finished, unsuccessful, success, failed"},
        Bad{"an event of no use", "file:/run/report.json#on=heartbeat", "names heartbeat, of which file has no use"}),
    test::kRowName);

// As people write them, and as they mistype them; the same as in tests/fuzz/sink_fuzzer.cpp.
TEST(Sinks, NoKindShowsAPassword) {
  for (const SinkKind* kind : sink_kinds()) {
    if (!kind->network()) {
      continue;
    }
    for (const std::string_view scheme : kind->schemes) {
      for (const std::string& text :
           {fmt::format("{}://user:s3cret@host/a/b", scheme), fmt::format("{}://host/a/b?token=s3cret", scheme),
            fmt::format("{}://host/a/b#token=s3cret", scheme), fmt::format("{}://user:x/s3cret@host/a/b", scheme),
            fmt::format("{}://user:x#s3cret@host/a/b", scheme), fmt::format("{}:/user:s3cret@host/a/b", scheme),
            fmt::format("{}:user:s3cret@host/a/b", scheme),
            fmt::format("{}://user:s3cret@host/a/b", scheme.substr(1))}) {
        const auto sink = parse_sink(text);
        EXPECT_THAT(sink ? sink->shown : sink.failure().message, Not(HasSubstr("s3cret"))) << text;
      }
      if (kind->secret_path) {
        const auto sink = parse_sink(fmt::format("{}://host/p/s3cret/x", scheme));
        EXPECT_THAT(sink ? sink->shown : sink.failure().message, Not(HasSubstr("s3cret"))) << scheme;
      }
    }
  }
}

TEST(Sinks, MessagesNeverRepeatSecrets) {
  for (const char* text : {
           "s3cret",                                      // the whole value in the wrong variable
           "pushgatway+http://user:s3cret@host",          // mistyped scheme
           "http://user:s3cret@host",                     // none at all
           "pushgateway+http://user:s3cret@",             // no host
           "pushgateway+http://user:s3cret@host/region",  // bad labels
           "pushgateway+http://user:s3cret@host/job/x",   //
           "pushgateway+http://user:s3cret@host/a-b/x",   //
           "pushgateway+http://host?token=s3cret",        //
           "pushgateway+http://host/#s3cret",             //
           "pushgateway+http:user:s3cret@host",           // mistyped slashes
           "pushgateway+http:/user:s3cret@host",          //
           "pushgateway+http:user@host?token=s3cret",     //
           "pushgateway+http://user:pass/s3cret@host",    // a password that should have been encoded
           "pushgateway+http://user:pass?s3cret@host",    //
           "pushgateway+http://user:pass#s3cret@host",    //
           "textfile:https://user:s3cret@host",           // the wrong sink
           "stdout://user:s3cret@host",                   //
           "pushgateway+http://user:x#on=s3cret@host",    // what looks like a filter
       }) {
    const auto sink = parse_sink(text);
    EXPECT_FALSE(sink) << text;
    if (!sink) {
      EXPECT_THAT(sink.failure().message, Not(HasSubstr("s3cret"))) << text;
    }
  }
}

TEST(Sinks, EveryKindHasNamesOfItsOwn) {
  std::set<std::string_view> schemes;
  for (const SinkKind* kind : sink_kinds()) {
    EXPECT_FALSE(kind->schemes.empty());
    for (const std::string_view scheme : kind->schemes) {
      EXPECT_TRUE(schemes.insert(scheme).second) << scheme;
    }
    EXPECT_NE(kind->check, nullptr);
    EXPECT_NE(kind->write == nullptr, kind->request == nullptr) << kind->schemes.front();
  }
}

// ---- what they are told of
// -------------------------------------------------------------------------------------------

Event ended_by(Cause cause) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict = {cause, 1, std::nullopt, std::nullopt};
  return finished_event(report::make_report(test::sample_subject(), outcome));
}

Event during(EventKind kind) {
  return progress_event(kind, 1, report::make_progress_report(test::sample_subject(), test::sample_outcome()));
}

TEST(Filter, WithoutOneTheUsualEventsOfItsKind) {
  const Sink file = sink_of("file:/run/report.json");
  EXPECT_EQ(file.filter.events, file.kind->usual);
  EXPECT_TRUE(file.filter.passes(ended_by(Cause::success)));
  EXPECT_TRUE(file.filter.passes(ended_by(Cause::lost)));
  EXPECT_FALSE(file.filter.passes(during(EventKind::started)));
}

TEST(Filter, NamesEventsAndCauses) {
  const Sink sink = sink_of("pushgateway+http://host/region/eu#on=failed,timeout,warning");
  EXPECT_EQ(sink.target, "//host/region/eu");
  EXPECT_EQ(sink.shown, "pushgateway+http://host/region/eu");
  EXPECT_TRUE(sink.filter.passes(ended_by(Cause::failed)));
  EXPECT_TRUE(sink.filter.passes(ended_by(Cause::timeout)));
  EXPECT_TRUE(sink.filter.passes(during(EventKind::warning)));
  EXPECT_FALSE(sink.filter.passes(ended_by(Cause::success)));
  EXPECT_FALSE(sink.filter.passes(ended_by(Cause::oom_killed)));
  EXPECT_FALSE(sink.filter.passes(during(EventKind::started)));
}

TEST(Filter, UnsuccessfulIsEveryCauseButSuccess) {
  const Sink sink = sink_of("stdout:#on=unsuccessful");
  for (const std::string_view name : cause_names()) {
    const Cause cause = *cause_from_name(name);
    EXPECT_EQ(sink.filter.passes(ended_by(cause)), cause != Cause::success) << name;
  }
}

TEST(Filter, FinishedIsEveryCauseWhateverElseIsNamed) {
  const Sink sink = sink_of("stdout:#on=failed,finished");
  EXPECT_TRUE(sink.filter.passes(ended_by(Cause::success)));
}

TEST(Filter, AReportWhoseCauseNobodyCanReadPasses) {
  Event event = ended_by(Cause::success);
  event.report["outcome"] = 7;
  EXPECT_TRUE(sink_of("stdout:#on=failed").filter.passes(event));
}

TEST(Events, HaveAnIdThatIsTheirsAlone) {
  const std::string run = test::sample_subject().run_id;
  const report::Document report = test::sample_report();
  EXPECT_EQ(finished_event(report).id, run);
  EXPECT_EQ(progress_event(EventKind::started, 1, report).id, run + "-started");
  EXPECT_EQ(progress_event(EventKind::heartbeat, 3, report).id, run + "-heartbeat-3");
}

TEST(Events, FinishedIsOfWhenTheRunEnded) {
  EXPECT_EQ(report::timestamp(finished_event(test::sample_report()).time), test::sample_report()["times"]["ended_at"]);
  for (const char* const unreadable : {R"({"times": 7})", R"({"times": {"ended_at": "yesterday"}})", "{}", "[]"}) {
    EXPECT_GT(finished_event(Document::parse(unreadable)).time.time_since_epoch().count(), 0) << unreadable;
  }
}

// ---- file and textfile ----------------------------------------------------------------------------------------------

TEST(FileSink, WritesTheReport) {
  const test::TemporaryFolder folder;
  const Document report = test::sample_report();
  for (const char* form : {"file:", "file://"}) {
    const std::string path = folder / (std::string(form) == "file:" ? "path.json" : "url.json");
    deliver(form + path, report);
    const std::string text = test::content_of(path);
    EXPECT_TRUE(text.ends_with("}\n"));
    const auto back = report::parse_report(text);
    ASSERT_TRUE(back) << back.failure().message;
    EXPECT_EQ(*back, report);
  }
  EXPECT_THAT(folder.names(), testing::UnorderedElementsAre("path.json", "url.json"));
}

TEST(FileSink, TellsWhyItCouldNot) {
  const test::TemporaryFolder folder;
  for (const std::string& text : {"file:" + (folder / "missing/report.json"), "textfile:" + (folder / "missing/a.prom"),
                                  "termination-log:" + (folder / "missing/log")}) {
    const Sink sink = sink_of(text);
    const auto written = sink.kind->write(sink, finished_event(test::sample_report()), 1s);
    ASSERT_FALSE(written) << text;
    EXPECT_THAT(written.failure().message, HasSubstr(folder / "missing/"));
    EXPECT_EQ(written.failure().code, ENOENT);
  }
}

TEST(TextfileSink, WritesTheMetricsWithTheJobsName) {
  const test::TemporaryFolder folder;
  deliver("textfile:" + (folder / "feed.prom"), test::sample_report());
  EXPECT_EQ(test::content_of(folder / "feed.prom"), report::prometheus_text(test::sample_report(), true));
  EXPECT_THAT(folder.names(), ElementsAre("feed.prom")) << "node_exporter would read a forgotten temporary *.prom";
}

// ---- the streams ----------------------------------------------------------------------------------------------------

// Puts a pipe in a standard stream's place while it lives.
class Redirected {
 public:
  explicit Redirected(int fd) : fd_(fd), before_(::fcntl(fd, F_DUPFD_CLOEXEC, 3)), pipe_(*kernel::make_pipe()) {
    ::dup2(pipe_.write.get(), fd_);
    pipe_.write.reset();
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() { restore(); }

  void restore() {
    if (before_) {
      ::dup2(before_.get(), fd_);
    }
    before_.reset();
  }
  // Fills the pipe, so that the next byte has to wait.
  void fill() const {
    const std::string block(4096, 'x');
    const auto output = kernel::Output::open(fd_);
    while (!output->write(block).would_block) {
    }
  }
  std::string text() {
    restore();
    return *kernel::read_all(pipe_.read.get(), "pipe", 1U << 20U);
  }

 private:
  int fd_;
  kernel::Fd before_;
  kernel::Pipe pipe_;
};

TEST(StreamSink, WritesOneLine) {
  for (const auto& [text, fd] : {std::pair{"stdout:", STDOUT_FILENO}, std::pair{"stderr:", STDERR_FILENO}}) {
    Redirected stream(fd);
    deliver(text, test::sample_report());
    const std::string line = stream.text();
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "log collectors read line by line";
    const auto back = report::parse_report(line);
    ASSERT_TRUE(back) << back.failure().message;
    EXPECT_EQ(*back, test::sample_report());
  }
}

TEST(StreamSink, DoesNotWaitWithoutPatience) {
  Redirected stream(STDOUT_FILENO);
  stream.fill();
  const Sink sink = sink_of("stdout:");
  const auto written = sink.kind->write(sink, finished_event(test::sample_report()), 0s);
  stream.restore();
  ASSERT_FALSE(written);
  EXPECT_THAT(written.failure().message, HasSubstr("stdout"));
}

// ---- the termination log --------------------------------------------------------------------------------------------

constexpr std::size_t kKubernetesLimit = 4096;

std::string termination_message(const Document& report, const std::string& options = "#format=text") {
  const test::TemporaryFolder folder;
  deliver("termination-log:" + (folder / "log") + options, report);
  std::string text = test::content_of(folder / "log");
  EXPECT_LE(text.size(), kKubernetesLimit);
  EXPECT_TRUE(test::is_valid_utf8(text));
  return text;
}

TEST(TerminationLog, TellsTheMostUsefulFirst) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict = {Cause::failed, 3, 3, std::nullopt};
  outcome.problems = {"first problem", "second problem"};
  EXPECT_EQ(termination_message(report::make_report(test::sample_subject(), outcome)),
            "import-feed failed: exit 3 after 1m31s, peak memory 412 MiB of 512 MiB\n"
            "cause failed, exit code 3, run 01890a5d-ac96-774b-bcce-b302099a8057\n"
            "first problem\n"
            "second problem\n"
            "last words:\n"
            "reading feed\n"
            "wrote 17 rows\n");
}

TEST(TerminationLog, WithoutLastWordsHasNoHeadingForThem) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.tail.clear();
  EXPECT_THAT(termination_message(report::make_report(test::sample_subject(), outcome)), Not(HasSubstr("last words")));
}

TEST(TerminationLog, OverwritesWhatIsMounted) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "log";
  test::write_file(path, std::string(10000, 'x'));
  std::filesystem::create_hard_link(path, folder / "kubelets view");
  deliver("termination-log:" + path, test::sample_report());
  EXPECT_EQ(test::content_of(folder / "kubelets view"), test::content_of(path));
  EXPECT_THAT(test::content_of(path), testing::StartsWith("{\"summary\":\"import-feed succeeded"));
}

TEST(TerminationLog, KeepsTheNewestWholeLines) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.tail.clear();
  for (int i = 0; i < 5000; ++i) {
    outcome.tail += fmt::format("line {}\n", i);
  }
  const std::string text = termination_message(report::make_report(test::sample_subject(), outcome));
  EXPECT_GT(text.size(), kKubernetesLimit - 12) << "as much as fits";
  EXPECT_THAT(text, testing::EndsWith("line 4998\nline 4999\n"));
  EXPECT_THAT(text, testing::ContainsRegex("last words:\nline [0-9]+\n"));
}

// Characters of every length, at every offset to where the text is cut.
class TerminationLogCut : public testing::TestWithParam<const char*> {};

TEST_P(TerminationLogCut, NeverCutsACharacterOfTheTail) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.tail = std::string(shift, 'x');
    for (int i = 0; i < 5000; ++i) {
      outcome.tail += GetParam();
    }
    const std::string text = termination_message(report::make_report(test::sample_subject(), outcome));
    ASSERT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << "shifted by " << shift;
    EXPECT_THAT(text, testing::EndsWith(GetParam())) << "the end is what matters";
    EXPECT_GT(text.size(), kKubernetesLimit - 8) << "a line that is too long is cut, not left out";
  }
}

TEST_P(TerminationLogCut, NeverCutsACharacterOfTheProblems) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.verdict = {Cause::rejected, 125, std::nullopt, std::nullopt};
    std::string problem(shift, 'x');
    for (int i = 0; i < 40; ++i) {
      problem += GetParam();
    }
    outcome.problems.assign(200, problem);
    const std::string text = termination_message(report::make_report(test::sample_subject(), outcome));
    EXPECT_THAT(text, testing::StartsWith("import-feed was not started: 200 things are wrong with its settings\n"));
    EXPECT_GT(text.size(), kKubernetesLimit - 16) << "as much as fits, shifted by " << shift;
    ASSERT_EQ(text.find("\xEF\xBF\xBD"), std::string::npos) << "shifted by " << shift;
  }
}

INSTANTIATE_TEST_SUITE_P(Characters, TerminationLogCut, testing::Values("a", "ü", "€", "😀"),
                         [](const auto& row) { return fmt::format("Of{}Bytes", std::string_view(row.param).size()); });

// All the borders between "everything fits" and "nothing does".
TEST(TerminationLog, FitsAtEveryLengthOfWhatComesBefore) {
  for (std::size_t length = 3850; length < 4110; ++length) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.problems = {std::string(length, 'p')};
    const std::string text = termination_message(report::make_report(test::sample_subject(), outcome));
    EXPECT_GT(text.size(), 3850U);
  }
}

TEST(TerminationLog, IsJsonUnlessToldOtherwise) {
  supervise::Outcome outcome = test::sample_outcome();
  outcome.verdict = {Cause::failed, 3, 3, std::nullopt};
  outcome.problems = {"first problem", "second problem"};
  EXPECT_EQ(termination_message(report::make_report(test::sample_subject(), outcome), ""),
            R"({"summary":"import-feed failed: exit 3 after 1m31s, peak memory 412 MiB of 512 MiB","cause":"failed",)"
            R"("exit_code":3,"run_id":"01890a5d-ac96-774b-bcce-b302099a8057",)"
            R"("problems":["first problem","second problem"],"tail":"reading feed\nwrote 17 rows\n"})"
            "\n");
}

// Whatever is in it, and however much longer escaping makes it.
TEST(TerminationLog, IsValidJsonWithinTheLimitAtAnyLength) {
  for (const char* piece : {"a", "\"", "\\", "\n", "\x01", "ü", "😀", "\xFF", "line\n"}) {
    for (const std::size_t length : {0U, 500U, 3000U, 4000U, 4096U, 20'000U}) {
      std::string text;
      while (text.size() < length) {
        text += piece;
      }
      supervise::Outcome outcome = test::sample_outcome();
      report::Subject subject = test::sample_subject();
      outcome.verdict = {Cause::rejected, 125, std::nullopt, std::nullopt};
      outcome.tail = text;
      const auto tail = nlohmann::json::parse(termination_message(report::make_report(subject, outcome), ""));
      EXPECT_TRUE(length == 0 || !tail["tail"].get<std::string>().empty());
      outcome.problems = {"first", text, text};
      const auto problems = nlohmann::json::parse(termination_message(report::make_report(subject, outcome), ""));
      EXPECT_EQ(problems["problems"][0], "first");
      subject.job_name = text;
      EXPECT_TRUE(nlohmann::json::accept(termination_message(report::make_report(subject, outcome), "")));
    }
  }
}

TEST(TerminationLog, TellsWhatAReportHasThatLacksThings) {
  for (const char* part : {"outcome", "logs", "run_id"}) {
    for (const char* options : {"", "#format=text"}) {
      Document report = test::sample_report();
      report.erase(part);
      EXPECT_FALSE(termination_message(report, options).empty());
    }
  }
}

TEST(TerminationLog, OtherFormatsAreRefused) {
  const auto sink = parse_sink("termination-log:/t#format=yaml");
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.failure().message, HasSubstr("the format is json or text"));
}

// ---- the Pushgateway ------------------------------------------------------------------------------------------------

HttpRequest push(const std::string& sink_text, const std::string& job_name) {
  report::Subject subject = test::sample_subject();
  subject.job_name = job_name;
  const Sink sink = sink_of(sink_text);
  auto messages = sink.kind->request(sink, finished_event(report::make_report(subject, test::sample_outcome())), {});
  if (!messages) {
    throw std::runtime_error(messages.failure().message);
  }
  return std::get<HttpRequest>(messages->at(0));
}

struct Push {
  const char* name;
  std::string sink;
  std::string job_name;
  const char* url;
  friend void PrintTo(const Push& push, std::ostream* out) { *out << push.name; }
};

class Pushgateway : public testing::TestWithParam<Push> {};

TEST_P(Pushgateway, UrlHasTheGroup) { EXPECT_EQ(push(GetParam().sink, GetParam().job_name).url, GetParam().url); }

INSTANTIATE_TEST_SUITE_P(
    Urls, Pushgateway,
    testing::Values(
        Push{"plain", "pushgateway+http://host:9091", "feed", "http://host:9091/metrics/job/feed"},
        Push{"https", "pushgateway+https://host", "feed", "https://host/metrics/job/feed"},
        Push{"trailing slash", "pushgateway+http://host/", "feed", "http://host/metrics/job/feed"},
        Push{"trailing slashes", "pushgateway+http://host/region/eu//", "feed",
             "http://host/metrics/job/feed/region/eu"},
        Push{"labels", "pushgateway+http://host/region/eu/tier/1", "feed",
             "http://host/metrics/job/feed/region/eu/tier/1"},
        Push{"label in base64", "pushgateway+http://host/path@base64/L3Zhci90bXA", "feed",
             "http://host/metrics/job/feed/path@base64/L3Zhci90bXA"},
        Push{"credentials go along", "pushgateway+http://user:p%40ss@host", "feed",
             "http://user:p%40ss@host/metrics/job/feed"},
        Push{"unreserved characters", "pushgateway+http://host", "a-b_c.d~e9", "http://host/metrics/job/a-b_c.d~e9"},
        Push{"a blank", "pushgateway+http://host", "my feed", "http://host/metrics/job/my%20feed"},
        Push{"reserved characters", "pushgateway+http://host", "a?b#c%d+e",
             "http://host/metrics/job/a%3Fb%23c%25d%2Be"},
        Push{"umlaut", "pushgateway+http://host", "fütter", "http://host/metrics/job/f%C3%BCtter"},
        // RFC 4648, 10 and 5; a slash cannot be percent-encoded there (Pushgateway's README, "URL").
        Push{"a slash", "pushgateway+http://host", "a/b", "http://host/metrics/job@base64/YS9i"},
        Push{"a slash, one pad", "pushgateway+http://host", "a/bcd", "http://host/metrics/job@base64/YS9iY2Q="},
        Push{"a slash, two pads", "pushgateway+http://host", "a/bc", "http://host/metrics/job@base64/YS9iYw=="},
        Push{"the alphabet that is safe in a URL", "pushgateway+http://host", "/\xC3\xBB\xEF\xBF\xBE",
             "http://host/metrics/job@base64/L8O777--"},
        Push{"empty", "pushgateway+http://host", "", "http://host/metrics/job@base64/="},
        // A URL parser takes dot segments away, and the push would go elsewhere (RFC 3986, 5.2.4).
        Push{"one dot", "pushgateway+http://host", ".", "http://host/metrics/job@base64/Lg=="},
        Push{"two dots", "pushgateway+http://host", "..", "http://host/metrics/job@base64/Li4="},
        Push{"three dots are a name", "pushgateway+http://host", "...", "http://host/metrics/job/..."}),
    test::kRowName);

TEST(PushgatewayRequest, PostsTheMetricsWithoutTheJobsLabel) {
  const HttpRequest request = push("pushgateway+http://host", "import-feed");
  EXPECT_EQ(request.method, "POST") << "PUT would take the time of the last success away";
  EXPECT_THAT(request.headers, ElementsAre(testing::Pair("Content-Type", HasSubstr("text/plain; version=0.0.4"))));
  EXPECT_EQ(request.body, report::prometheus_text(test::sample_report(), false));
}

TEST(PushgatewayRequest, PutReplacesTheGroupAtTheEndOnly) {
  const Sink sink = sink_of("pushgateway+http://host/region/eu/#method=put");
  Event event = finished_event(test::sample_report());
  const auto method = [&] { return std::get<HttpRequest>(sink.kind->request(sink, event, {})->at(0)).method; };
  EXPECT_EQ(method(), "PUT");
  event.kind = EventKind::started;
  EXPECT_EQ(method(), "POST") << "that it runs must not take away what the last run left";
}

TEST(PushgatewayRequest, TheGroupOfASuccessCanBeDeleted) {
  const Sink sink = sink_of("pushgateway+http://host/region/eu/#delete=success");
  const auto sent = [&](Cause cause) {
    supervise::Outcome outcome = test::sample_outcome();
    outcome.verdict.cause = cause;
    const Event event = finished_event(report::make_report(test::sample_subject(), outcome));
    return std::get<HttpRequest>(sink.kind->request(sink, event, {})->at(0));
  };
  EXPECT_EQ(sent(Cause::success).method, "DELETE");
  EXPECT_EQ(sent(Cause::success).url, "http://host/metrics/job/import-feed/region/eu");
  EXPECT_EQ(sent(Cause::success).body, "");
  EXPECT_EQ(sent(Cause::failed).method, "POST");
}

TEST(PushgatewayRequest, ANameThatIsNoTextIsNoCrash) {
  // `jobinit deliver` reads reports that people have edited.
  Document report = test::sample_report();
  report["job"]["name"] = 7;
  const Sink sink = sink_of("pushgateway+http://host");
  EXPECT_NO_THROW(static_cast<void>(sink.kind->request(sink, finished_event(report), {})));
}

}  // namespace
}  // namespace jobinit::deliver
