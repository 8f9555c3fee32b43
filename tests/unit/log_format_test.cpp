// What text and json look like, and that nothing is lost on the way.
#include "jobinit/logs/format.hpp"
#include "log_support.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

using Json = nlohmann::ordered_json;

FormatOptions options() {
  FormatOptions options;
  options.stream = "stdout";
  options.job = "import";
  options.run_id = "01890a5d";
  options.fields = {LogField::time, LogField::stream, LogField::msg, LogField::job, LogField::run_id};
  options.longest = 4096;
  return options;
}

std::string text_of(const FormatOptions& options, std::string_view input, unsigned seed = 8) {
  test::Random random(seed);
  return test::drive(*make_text_format(options), input, random);
}
std::string json_of(const FormatOptions& options, std::string_view input, unsigned seed = 8) {
  test::Random random(seed);
  return test::drive(*make_json_format(options), input, random);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    EXPECT_NE(end, std::string_view::npos) << "every record has its end of line";
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), lines.back().size() + 1));
  }
  return lines;
}

TEST(LogText, Layout) {
  FormatOptions opts = options();
  opts.fields = {LogField::time, LogField::stream, LogField::msg};
  EXPECT_EQ(text_of(opts, "hello\n\xFF\"\n\nend"),
            "2025-11-26T21:30:00.123456Z stdout hello\n"
            "2025-11-26T21:30:00.123456Z stdout \xFF\"\n"
            "2025-11-26T21:30:00.123456Z stdout \n"
            "2025-11-26T21:30:00.123456Z stdout end\n");
  opts.time = LogTime::milliseconds;
  EXPECT_EQ(text_of(opts, "x\n"), "2025-11-26T21:30:00.123Z stdout x\n");
  opts.time = LogTime::seconds;
  EXPECT_EQ(text_of(opts, "x\n"), "2025-11-26T21:30:00Z stdout x\n");
  opts.time = LogTime::none;
  EXPECT_EQ(text_of(opts, "x\n"), "stdout x\n");
  opts.fields = {LogField::stream, LogField::job, LogField::msg, LogField::run_id};
  EXPECT_EQ(text_of(opts, "x\n"), "stdout import x 01890a5d\n");
  opts.fields = {LogField::msg};
  EXPECT_EQ(text_of(opts, "x\n\n"), "x\n\n");
  opts.fields = {LogField::stream, LogField::msg};
  opts.longest = 8;
  EXPECT_EQ(text_of(opts, "12345678abcdefgh!\nx\n"),
            "stdout [split 1, part 1] 12345678\n"
            "stdout [split 1, part 2] abcdefgh\n"
            "stdout [split 1, part 3, last] !\n"
            "stdout x\n");
}

TEST(LogText, Colours) {
  FormatOptions opts = options();
  opts.fields = {LogField::time, LogField::stream, LogField::msg};
  opts.time = LogTime::seconds;
  opts.colours = true;
  EXPECT_EQ(text_of(opts, "x\n"), "\x1B[2m2025-11-26T21:30:00Z\x1B[0m \x1B[36mstdout\x1B[0m x\n");
  opts.stream = "stderr";
  EXPECT_EQ(text_of(opts, "x\n"), "\x1B[2m2025-11-26T21:30:00Z\x1B[0m \x1B[33mstderr\x1B[0m x\n");
}

TEST(LogText, TimesOfAllKinds) {
  using namespace std::chrono;
  FormatOptions opts = options();
  opts.fields = {LogField::time, LogField::msg};
  for (const auto& [when, expected] : std::vector<std::pair<system_clock::time_point, std::string>>{
           {system_clock::time_point(), "1970-01-01T00:00:00.000000Z"},
           {system_clock::time_point(951782400s - 1us), "2000-02-28T23:59:59.999999Z"},
           {system_clock::time_point(951782400s + 999ns), "2000-02-29T00:00:00.000000Z"},
           {system_clock::time_point(-1us), "1969-12-31T23:59:59.999999Z"}}) {
    test::Random random(9);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    EXPECT_EQ(test::drive(*make_text_format(opts), "x", random, {when, {}}), expected + " x\n");
  }
}

TEST(LogJson, Layout) {
  EXPECT_EQ(
      json_of(options(), "say \"hi\"\n"),
      R"({"time":"2025-11-26T21:30:00.123456Z","stream":"stdout","msg":"say \"hi\"","job":"import","run_id":"01890a5d"})"
      "\n");
  FormatOptions opts = options();
  opts.fields = {LogField::msg};
  EXPECT_EQ(json_of(opts, "\n"), "{\"msg\":\"\"}\n");
  opts.longest = 8;
  EXPECT_EQ(json_of(opts, "{\"a\":12345}"),
            R"({"msg":"{\"a\":123","partial":true,"partial_id":1,"partial_number":1,"partial_last":false})"
            "\n"
            R"({"msg":"45}","partial":true,"partial_id":1,"partial_number":2,"partial_last":true})"
            "\n");
  opts = options();
  opts.job = "a\"\xFF\n" + std::string(1000, 'x') + "ü";
  const Json named = Json::parse(json_of(opts, "x"));
  EXPECT_EQ(named.at("job"), "a\"\xEF\xBF\xBD\n" + std::string(194, 'x')) << "cut to 200 bytes";
}

TEST(LogJson, AnObjectIsMerged) {
  FormatOptions opts = options();
  opts.time = LogTime::seconds;
  opts.fields = {LogField::time, LogField::stream, LogField::msg, LogField::job};
  const std::string ours = R"("time":"2025-11-26T21:30:00Z","stream":"stdout","job":"import")";
  for (const auto& [line, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"({"level":"info","msg":"done"})", "{" + ours + R"(,"level":"info","msg":"done"})"},
           {R"({"n":1})", "{" + ours + R"(,"n":1})"},
           {R"( { } )", "{" + ours + "}"},
           {R"({"time":1,"x":2})", R"({"stream":"stdout","job":"import","time":1,"x":2})"},
           {R"({"time":1,"job":2,"stream":3})", R"({"time":1,"job":2,"stream":3})"},
           {R"({"job":{"time":1}})", R"({"time":"2025-11-26T21:30:00Z","stream":"stdout","job":{"time":1}})"}}) {
    EXPECT_EQ(json_of(opts, line + "\n" + line), expected + "\n" + expected + "\n");
  }
  opts.fields = {LogField::msg};
  EXPECT_EQ(json_of(opts, "{}\n{\"a\":1}"), "{}\n{\"a\":1}\n");
  EXPECT_EQ(json_of(opts, "[1]\n{\"a\":1}x\n"), R"({"msg":"[1]"})"
                                                "\n"
                                                R"({"msg":"{\"a\":1}x"})"
                                                "\n");
}

// The records of a stream, decoded again, are the stream.
TEST(LogFormats, NothingIsLost) {
  test::Random random(10);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  for (unsigned run = 0; run < 150; ++run) {
    FormatOptions opts = options();
    opts.longest = run % 2 == 0 ? 100000 : 64;
    std::string input = test::random_log(random, test::below(random, run % 10 == 0 ? 200000 : 5000));
    if (!input.empty() && !input.ends_with('\n')) {
      input += '\n';
    }
    opts.fields = {LogField::msg};
    std::string joined;
    const bool whole = run % 2 == 0;
    if (whole) {
      ASSERT_EQ(text_of(opts, input, run), input);
    }
    std::size_t objects = 0;
    std::vector<std::string> inputs = lines_of(input);
    std::size_t line = 0;
    std::string parts;
    for (const std::string& record : lines_of(json_of(opts, input, run))) {
      const nlohmann::json object = nlohmann::json::parse(record);
      ASSERT_LT(line, inputs.size());
      if (object.contains("partial")) {
        parts += object.at("msg").get<std::string>();
        if (!object.at("partial_last")) {
          continue;
        }
        ASSERT_EQ(parts, valid_utf8(inputs[line]));
        parts.clear();
      } else if (const auto own = nlohmann::json::parse(inputs[line], nullptr, false); own.is_object()) {
        ASSERT_EQ(object, own);
        ++objects;
      } else {
        ASSERT_EQ(object, nlohmann::json({{"msg", valid_utf8(inputs[line])}}));
      }
      ++line;
    }
    ASSERT_EQ(line, inputs.size());
    ASSERT_EQ(parts, "");
  }
}

TEST(LogFormats, ARecordLongerThanAllTheRoomIsMadeInSteps) {
  FormatOptions opts = options();
  opts.longest = 1 << 18;
  opts.fields = {LogField::msg};
  const std::string line = std::string(100000, '\x01') + "end";
  EXPECT_EQ(Json::parse(json_of(opts, line)).at("msg"), line);
  EXPECT_EQ(text_of(opts, line), line + "\n");
}

TEST(LogFormats, NotesStandBetweenRecords) {
  FormatOptions opts = options();
  opts.fields = {LogField::stream, LogField::msg};
  std::string room(Transform::kLeastRoom, '\0');
  auto json = make_json_format(opts);
  const auto note = [&](Encoder& encoder, std::string_view text, std::size_t size) {
    return room.substr(0, encoder.note(text, std::span(room).first(size), test::instant()));
  };
  EXPECT_EQ(json->step(std::string_view("half a li"), room, test::instant(), false).made, 0U);
  EXPECT_EQ(note(*json, "3 bytes \"dropped\"", room.size()), R"({"stream":"jobinit","msg":"3 bytes \"dropped\""})"
                                                             "\n");
  EXPECT_EQ(note(*json, "3 bytes dropped", 20), "") << "it does not fit";
  EXPECT_EQ(note(*json, "{\"stream\":\"x\"}", room.size()), "{\"stream\":\"x\"}\n");
  const auto step = json->step(std::string_view("ne\n"), room, test::instant(), false);
  EXPECT_EQ(room.substr(0, step.made), "{\"stream\":\"stdout\",\"msg\":\"half a line\"}\n")
      << "what was held back stayed";
  EXPECT_GT(json->note(std::string(100000, '\x01'), room, test::instant()), 1000U) << "kLeastRoom always does";
  // In the middle of a record that is longer than the room.
  const std::string line = std::string(3 * room.size(), 'x') + "\n";
  auto text = make_text_format(opts);
  std::vector<char> input(line.begin(), line.end());
  const auto torn = text->step(input, room, test::instant(), false);
  EXPECT_GT(torn.made, 0U);
  EXPECT_EQ(text->note("not here", room, test::instant()), 0U);
}

TEST(LogFormats, GroupsAreOneRecord) {
  FormatOptions opts = options();
  opts.fields = {LogField::msg};
  const auto begins = Pattern::compile(std::vector<std::string>{"^[0-9]"});
  ASSERT_TRUE(begins);
  opts.begins = *begins;
  EXPECT_EQ(json_of(opts, "1 error\n at a\n at b\n2 fine\n3 end\n more"),
            "{\"msg\":\"1 error\\n at a\\n at b\"}\n{\"msg\":\"2 fine\"}\n{\"msg\":\"3 end\\n more\"}\n");
}

}  // namespace
}  // namespace jobinit::logs
