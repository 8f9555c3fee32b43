// Which lines are JSON objects, against the JSON library.
#include "jobinit/logs/json_line.hpp"
#include "log_support.hpp"
#include "support.hpp"

namespace jobinit::logs {
namespace {

constexpr std::array<std::string_view, 3> kNames{"time", "msg", "run_id"};

TEST(LogJsonLine, FindsMembersAndNames) {
  struct Case {
    std::string text;
    std::string members;
    unsigned names;
  };
  for (const Case& one : std::vector<Case>{
           {"{}", "", 0},
           {" \t{ }\r", "", 0},
           {R"({"a":1})", R"("a":1)", 0},
           {R"( { "a" : [1, {"time": 2}] , "msg" : "x" } )", R"("a" : [1, {"time": 2}] , "msg" : "x")", 2},
           {R"({"time":null,"run_id":{"msg":1}})", R"("time":null,"run_id":{"msg":1})", 5},
           {R"({"t\u0069me":1,"\u006dsg":2})", R"("t\u0069me":1,"\u006dsg":2)", 3},
           {R"({"timer":1,"tim":2,"time\\":3,"\u0101time":4})", R"("timer":1,"tim":2,"time\\":3,"\u0101time":4)", 0},
           {R"({"\u0000time":1,"time\n":1})", R"("\u0000time":1,"time\n":1)", 0},
           {R"({"a":-0.5e+3,"b":true,"c":false,"d":"\ud83d\ude00ü"})",
            R"("a":-0.5e+3,"b":true,"c":false,"d":"\ud83d\ude00ü")", 0}}) {
    const auto object = parse_json_object(one.text, kNames);
    ASSERT_TRUE(object) << one.text;
    EXPECT_EQ(object->members, one.members);
    EXPECT_EQ(object->names, one.names) << one.text;
  }
}

TEST(LogJsonLine, IsStrict) {
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "}",
                                 "[]",
                                 "1",
                                 "\"a\"",
                                 "{} {}",
                                 "{}x",
                                 "{a:1}",
                                 "{'a':1}",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{,}",
                                 "{\"a\":1 \"b\":2}",
                                 "{\"a\":01}",
                                 "{\"a\":1.}",
                                 "{\"a\":.5}",
                                 "{\"a\":+1}",
                                 "{\"a\":-}",
                                 "{\"a\":1e}",
                                 "{\"a\":NaN}",
                                 "{\"a\":tru}",
                                 "{\"a\":[1,]}",
                                 "{\"a\":[1}",
                                 "{\"a\":1]}",
                                 "{\"a\":\"\t\"}",
                                 "{\"a\":\"\\x\"}",
                                 "{\"a\":\"\\u12g4\"}",
                                 "{\"a\":\"\\ud800\"}",
                                 "{\"a\":\"\\ud800\\u0041\"}",
                                 "{\"a\":\"\\udc00\"}",
                                 "{\"a\":\"\xFF\"}",
                                 "{\"a\":\"\xED\xA0\x80\"}",
                                 "{\"a\":\"b}",
                                 "{\"a\":1}//",
                                 "{/**/}",
                                 "\xEF\xBB\xBF{}",
                                 "{\"a\":1}\x0B"}) {
    EXPECT_FALSE(parse_json_object(text, kNames)) << text;
  }
}

TEST(LogJsonLine, DepthIsBounded) {
  const auto nested = [](unsigned depth) {  // with the outer object
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(parse_json_object(nested(kDeepestJson), kNames));
  EXPECT_FALSE(parse_json_object(nested(kDeepestJson + 1), kNames));
  EXPECT_FALSE(parse_json_object(nested(100000), kNames));
  std::string objects;
  for (unsigned i = 0; i < kDeepestJson; ++i) {
    objects += "{\"time\":";
  }
  objects += "1" + std::string(kDeepestJson, '}');
  ASSERT_TRUE(parse_json_object(objects, kNames));
  EXPECT_EQ(parse_json_object(objects, kNames)->names, 1U);
}

// Objects, and what a byte more, less or other makes of them.
TEST(LogJsonLine, AgreesWithTheLibrary) {
  test::Random random(3);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
  const std::vector<std::string> seeds{
      R"({"time":"now","a":[1,2,{"b":null}],"c":{"d":true,"e":-1.5e-7},"f":"x\n\u00e9\"y"})",
      R"({"msg":"ein längerer Text mit Zeichen 日本 und 😀 und \ud83d\ude00 darin","n":[[],[{}],{}]})",
      R"( { "a" : 0 , "b" : [ ] , "run_id" : "" } )"};
  int objects = 0;
  for (int run = 0; run < 15000; ++run) {
    std::string text = seeds[test::below(random, seeds.size())];
    for (std::size_t change = test::below(random, 4); change > 0 && !text.empty(); --change) {
      const std::size_t at = test::below(random, text.size());
      switch (test::below(random, 3)) {
        case 0: text.erase(at, 1 + test::below(random, 3)); break;
        case 1:
          text.insert(at, test::random_text(random, 1, "{}[]\",:\\u0123456789abcdefDtrn .eE+-\n\xFF\xC3\xA4"));
          break;
        default: text[at] = static_cast<char>(random()); break;
      }
    }
    std::erase(text, '\0');  // the library takes it for the end
    const auto library = nlohmann::json::parse(text, nullptr, false);
    const auto object = parse_json_object(text, kNames);
    ASSERT_EQ(static_cast<bool>(object), library.is_object()) << text;
    if (!object) {
      continue;
    }
    ++objects;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      ASSERT_EQ((object->names >> i & 1U) != 0, library.contains(kNames.at(i))) << text;
    }
    ASSERT_EQ(nlohmann::json::parse("{" + std::string(object->members) + "}"), library);
    ASSERT_EQ(object->members.empty(), library.empty());
  }
  EXPECT_GT(objects, 1000);
}

}  // namespace
}  // namespace jobinit::logs
