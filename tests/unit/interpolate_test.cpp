// References in texts, and what is never done with values.
#include "jobinit/job/interpolate.hpp"

#include <gmock/gmock.h>

#include <map>

#include "support.hpp"

namespace jobinit::job {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Meaning meaning(const std::string& text) {
  Meaning one;
  one.state = Meaning::known;
  one.text = text;
  return one;
}

Meaning look_up(std::string_view name) {
  std::map<std::string, Meaning, std::less<>> known{
      {"A", meaning("a")},          {"BLANK", meaning("x y")},      {"REFERENCE", meaning("${A} $(id) `id` $$")},
      {"EMPTY", meaning("")},       {"SLASH", meaning("a/b&c")},    {"platform.index", meaning("3")},
      {"TOKEN", meaning("s3cr3t")}, {"ALLOWED", meaning("s3cr3t")}, {"URL", meaning("https://h/p?q")},
      {"LIST", meaning("1,2 3,$A")}};
  known["LIST"].list = true;
  known["LIST"].items = {"1", "2 3", "$A"};
  known["TOKEN"].secret = known["ALLOWED"].secret = known["ALLOWED"].allow_in_argv = true;
  known["URL"].url = true;
  known["NONE"].state = Meaning::without_value;
  const auto found = known.find(name);
  return found == known.end() ? Meaning() : found->second;
}

TEST(Interpolation, PutsValuesIn) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"", ""},
           {"plain", "plain"},
           {"${A}", "a"},
           {"x${A}y${A}", "xaya"},
           {"${BLANK}", "x y"},
           {"${REFERENCE}", "${A} $(id) `id` $$"},  // once, and by nobody else
           {"${EMPTY}", ""},
           {"$$", "$"},
           {"$${A}", "${A}"},
           {"$$$${A}", "$${A}"},
           {"$A $5 $", "$A $5 $"},
           {"${NONE:-x}", "x"},
           {"${GONE:-}", ""},
           {"${A:-x}", "a"},
           {"${EMPTY:-x}", ""},  // it has a value, and that is empty
           {"${NONE:-${GONE:-${A}}}", "a"},
           {"${NONE:-$${A}}", "${A}"},
           {"${A:?must be set}", "a"},
           {"${platform.index}", "3"},
           {"${LIST}", "1,2 3,$A"},
       }) {
    const auto done = interpolate(text, look_up);
    ASSERT_TRUE(done) << text << ": " << done.failure().message;
    EXPECT_EQ(done->text, expected) << text;
  }
}

TEST(Interpolation, RefusesWhatItCannotMean) {
  const std::vector<std::string_view> names{"CUSTOMER", "A"};
  for (const auto& [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"${CUSTOMR}", "did you mean CUSTOMER?"},
           {"${CUSTOMR}", "write $${CUSTOMR}"},
           {"${GONE}", "no such parameter or variable"},
           {"${NONE}", "it has no value"},
           {"${NONE:?which customer}", "NONE: which customer"},
           {"${NONE:?}", "must be set"},
           {"${NONE:-${GONE}}", "GONE"},
           {"${", "not of the form"},
           {"${}", "not of the form"},
           {"${A", "not of the form"},
           {"${A:-x", "not of the form"},
           {"${A b}", "not of the form"},
           {"${A:+x}", "not of the form"},
           {"${A-x}", "not of the form"},
           {"${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A}}}}}}}}}", "nested deeper"},
       }) {
    const auto done = interpolate(text, look_up, Use::plain, names);
    ASSERT_FALSE(done) << text << " became " << done->text;
    EXPECT_THAT(done.failure().message, HasSubstr(expected)) << text;
  }
}

TEST(Interpolation, EncodesWhatGoesIntoAUrl) {
  EXPECT_EQ(interpolate("https://h/${SLASH}", look_up, Use::url)->text, "https://h/a%2Fb%26c");
  EXPECT_EQ(interpolate("webhook+${URL}", look_up, Use::url)->text, "webhook+https://h/p?q");
}

TEST(Interpolation, LeavesATemplatesOwnReferencesToIt) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"", ""},
           {"https://h/${A}/${run_id}?c=${outcome.cause}#header=X:${env:TOKEN}",
            "https://h/a/${run_id}?c=${outcome.cause}#header=X:${env:TOKEN}"},
           {"$${A} $$ $ ${ ${A", "$${A} $$ $ ${ ${A"},
           {"${SLASH}", "a%2Fb%26c"},
           {"${URL}", "https://h/p?q"},
           {"${REFERENCE}", "%24%24%7BA%7D%20%24%28id%29%20%60id%60%20%24%24"},  // "$${A} ...": no reference any more
           {"${NONE:-x}", "x"},
       }) {
    const auto done = interpolate_template(text, look_up, Use::url);
    ASSERT_TRUE(done) << text;
    EXPECT_EQ(done->text, expected) << text;
  }
  EXPECT_FALSE(interpolate_template("${NONE}", look_up, Use::url));
  EXPECT_TRUE(interpolate_template("${TOKEN}", look_up, Use::url)->secret);
  const Scope dollar = [](std::string_view /*name*/) { return meaning("a$"); };
  EXPECT_EQ(interpolate_template("${A}{x}", dollar, Use::plain)->text, "a$${x}");
}

TEST(Interpolation, KeepsSecretsOutOfWhatIsShown) {
  EXPECT_TRUE(interpolate("${TOKEN}", look_up)->secret);
  EXPECT_FALSE(interpolate("${A}", look_up)->secret);
  EXPECT_TRUE(interpolate("${NONE:-${TOKEN}}", look_up)->secret);
  for (const Use use : {Use::argument, Use::shown}) {
    for (const char* text : {"--token=${TOKEN}", "${NONE:-${TOKEN}}"}) {
      const auto done = interpolate(text, look_up, use);
      ASSERT_FALSE(done);
      EXPECT_THAT(done.failure().message, HasSubstr("${TOKEN} is a secret"));
      EXPECT_THAT(done.failure().message, Not(HasSubstr("s3cr3t")));
    }
  }
  EXPECT_EQ(interpolate("${ALLOWED}", look_up, Use::argument)->text, "s3cr3t");
  EXPECT_FALSE(interpolate("${ALLOWED}", look_up, Use::shown));
  EXPECT_EQ(interpolate("-t=${ALLOWED}", look_up, Use::masked)->text, "-t=***");
}

using Words = std::vector<std::string>;

TEST(Arguments, StayOneEach) {
  const Words words{"./export", "${BLANK}", "--media=${A}", "${EMPTY}", "${LIST}", "${LIST...}", "x"};
  EXPECT_THAT(*interpolate_arguments(words, look_up, Use::argument),
              ElementsAre("./export", "x y", "--media=a", "", "1,2 3,$A", "1", "2 3", "$A", "x"));
  EXPECT_FALSE(interpolate_arguments(Words{"a", "${A...}"}, look_up, Use::argument));
  EXPECT_FALSE(interpolate_arguments(Words{"a", "${GONE...}"}, look_up, Use::argument));
  EXPECT_FALSE(interpolate_arguments(Words{"a", "x${LIST...}"}, look_up, Use::argument));
}

TEST(Arguments, LeaveAShellsScriptToTheShell) {
  const auto script = [](const Words& words) { return find_script(words); };
  EXPECT_EQ(script({"/bin/sh", "-c", "echo ${A}"}), 2U);
  EXPECT_EQ(script({"bash", "-euo", "pipefail", "-c", "echo ${A}"}), 4U);
  EXPECT_EQ(script({"bash", "-ceuo", "pipefail", "echo ${A}"}), 3U);
  EXPECT_EQ(script({"bash", "--norc", "--rcfile", "/dev/null", "-c", "echo ${A}"}), 5U);
  EXPECT_EQ(script({"bash", "-o", "pipefail", "-ec", "echo ${A}"}), 4U);
  EXPECT_EQ(script({"dash", "-c", "--", "echo ${A}"}), 3U);
  EXPECT_EQ(script({"sh", "script.sh", "-c"}), 3U);
  EXPECT_EQ(script({"sh", "-c"}), 2U);
  EXPECT_EQ(script({"python3", "-c", "print()"}), 3U);
  EXPECT_EQ(script({}), 0U);
  EXPECT_THAT(*interpolate_arguments(Words{"sh", "-c", "echo ${GONE} ${A} \"$1\"", "sh", "${REFERENCE}"}, look_up,
                                     Use::argument),
              ElementsAre("sh", "-c", "echo ${GONE} ${A} \"$1\"", "sh", "${A} $(id) `id` $$"));
}

TEST(References, AreFound) {
  EXPECT_THAT(references_in("${A} $${B} ${C:-${D}${E:-}} ${F:?${G}} $H"),
              testing::UnorderedElementsAre("A", "C", "D", "E", "F"));
  EXPECT_THAT(references_in("${A} ${"), testing::IsEmpty());
}

}  // namespace
}  // namespace jobinit::job
