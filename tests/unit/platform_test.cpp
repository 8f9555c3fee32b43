// Which platform it is, by its environment and files, and what is taken from it.
#include "jobinit/platform/platform.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace jobinit::platform {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kBatch{"AWS_BATCH_JOB_ID=b5b3-7", "AWS_BATCH_JOB_ATTEMPT=2", "AWS_BATCH_JQ_NAME="};
const std::vector<std::string> kEcs{"ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/s3cret",
                                    "AWS_EXECUTION_ENV=AWS_ECS_FARGATE", "AWS_REGION=eu-west-1"};
const std::vector<std::string> kCloudRun{"CLOUD_RUN_JOB=import", "CLOUD_RUN_TASK_INDEX=3", "CLOUD_RUN_TASK_COUNT=10"};
const std::vector<std::string> kKubernetes{"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=import-x7x2q",
                                           "JOB_COMPLETION_INDEX=4"};
const std::vector<std::string> kNomad{"NOMAD_ALLOC_ID=5456", "NOMAD_JOB_NAME=import", "NOMAD_TASK_NAME=main"};
const std::vector<std::string> kSlurm{"SLURM_JOB_ID=17", "SLURM_JOB_NAME=import.sh", "SLURM_ARRAY_TASK_ID=2"};

struct Row {
  const char* name;
  std::vector<std::string> environment;
  test::Tree tree;
  std::string platform;
  std::string job_name;
  std::optional<Duration> stop_grace;
  std::map<std::string, std::string> ids;
  std::vector<std::string> report_to;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

class Detection : public testing::TestWithParam<Row> {};

TEST_P(Detection, TellsThePlatform) {
  const Row& row = GetParam();
  const test::Machine machine(row.tree);
  const Platform found = detect(row.environment, machine.root());
  EXPECT_EQ(found.name, row.platform);
  EXPECT_EQ(found.job_name, row.job_name);
  EXPECT_EQ(found.stop_grace, row.stop_grace);
  EXPECT_EQ(found.ids, row.ids);
  EXPECT_EQ(found.report_to, row.report_to);
}

using Ids = std::map<std::string, std::string>;

INSTANTIATE_TEST_SUITE_P(
    Each, Detection,
    testing::Values(
        Row{"none", {"PATH=/bin", "HOSTNAME=box", "AWS_REGION=eu-west-1"}, {}, "none", "", {}, {}, {}},
        Row{"aws batch",
            kBatch,
            {},
            "aws-batch",
            "",
            30s,
            Ids{{"AWS_BATCH_JOB_ID", "b5b3-7"}, {"AWS_BATCH_JOB_ATTEMPT", "2"}},
            {}},
        // The metadata URI is a capability: who has it may ask; it is not among the ids.
        Row{"ecs",
            kEcs,
            {},
            "ecs",
            "",
            30s,
            Ids{{"AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"}, {"AWS_REGION", "eu-west-1"}},
            {}},
        Row{"ecs by its execution environment alone",
            {"AWS_EXECUTION_ENV=AWS_ECS_EC2"},
            {},
            "ecs",
            "",
            30s,
            Ids{{"AWS_EXECUTION_ENV", "AWS_ECS_EC2"}},
            {}},
        Row{"aws, but not ecs", {"AWS_EXECUTION_ENV=AWS_Lambda_python3.12"}, {}, "none", "", {}, {}, {}},
        Row{"cloud run",
            kCloudRun,
            {},
            "cloud-run",
            "import",
            10s,
            Ids{{"CLOUD_RUN_JOB", "import"}, {"CLOUD_RUN_TASK_INDEX", "3"}, {"CLOUD_RUN_TASK_COUNT", "10"}},
            {}},
        Row{"kubernetes",
            kKubernetes,
            {},
            "kubernetes",
            "",
            30s,
            Ids{{"HOSTNAME", "import-x7x2q"}, {"JOB_COMPLETION_INDEX", "4"}},
            {}},
        Row{"kubernetes with its files",
            {"KUBERNETES_SERVICE_HOST=10.0.0.1"},
            {{"/var/run/secrets/kubernetes.io/serviceaccount/namespace", "batch\n"}, {"/dev/termination-log", ""}},
            "kubernetes",
            "",
            30s,
            Ids{{"namespace", "batch"}},
            {"termination-log:"}},
        Row{"a termination log elsewhere means nothing", {}, {{"/dev/termination-log", ""}}, "none", "", {}, {}, {}},
        Row{"nomad",
            kNomad,
            {},
            "nomad",
            "import",
            5s,
            Ids{{"NOMAD_ALLOC_ID", "5456"}, {"NOMAD_JOB_NAME", "import"}, {"NOMAD_TASK_NAME", "main"}},
            {}},
        Row{"nomad without a name", {"NOMAD_ALLOC_ID=5456"}, {}, "nomad", "", 5s, Ids{{"NOMAD_ALLOC_ID", "5456"}}, {}},
        Row{"slurm",
            kSlurm,
            {},
            "slurm",
            "import.sh",
            30s,
            Ids{{"SLURM_JOB_ID", "17"}, {"SLURM_JOB_NAME", "import.sh"}, {"SLURM_ARRAY_TASK_ID", "2"}},
            {}},
        Row{"podman by its variable", {"container=podman"}, {}, "podman", "", 10s, {}, {}},
        Row{"podman by its file", {}, {{"/run/.containerenv", "engine=\"podman-4.3.1\"\n"}}, "podman", "", 10s, {}, {}},
        Row{"another container variable", {"container=lxc"}, {}, "none", "", {}, {}, {}},
        Row{"docker", {}, {{"/.dockerenv", ""}}, "docker", "", 10s, {}, {}}),
    test::kRowName);

// Which of the tasks this is, from 0, by whatever the platform calls it.
TEST(Platform, NumbersItsTasks) {
  using Number = std::optional<std::uint64_t>;
  struct Tasks {
    const char* name;
    std::vector<std::string> environment;
    Number index;
    Number count;
    Number attempt;
  };
  for (const Tasks& row : {
           Tasks{"none", {}, {}, {}, {}},
           Tasks{"aws batch array",
                 {"AWS_BATCH_JOB_ID=a:2", "AWS_BATCH_JOB_ATTEMPT=3", "AWS_BATCH_JOB_ARRAY_INDEX=2",
                  "AWS_BATCH_JOB_ARRAY_SIZE=10"},
                 2,
                 10,
                 3},
           Tasks{"aws batch nodes",
                 {"AWS_BATCH_JOB_ID=a#1", "AWS_BATCH_JOB_NODE_INDEX=1", "AWS_BATCH_JOB_NUM_NODES=4"},
                 1,
                 4,
                 {}},
           Tasks{"aws batch, no array", {"AWS_BATCH_JOB_ID=a", "AWS_BATCH_JOB_ATTEMPT=1"}, {}, {}, 1},
           Tasks{"cloud run",
                 {"CLOUD_RUN_JOB=a", "CLOUD_RUN_TASK_INDEX=0", "CLOUD_RUN_TASK_COUNT=5", "CLOUD_RUN_TASK_ATTEMPT=0"},
                 0,
                 5,
                 1},
           Tasks{"kubernetes indexed job", {"KUBERNETES_SERVICE_HOST=h", "JOB_COMPLETION_INDEX=4"}, 4, {}, {}},
           Tasks{"nomad", {"NOMAD_ALLOC_ID=a", "NOMAD_ALLOC_INDEX=6"}, 6, {}, {}},
           Tasks{"slurm array",
                 {"SLURM_JOB_ID=1", "SLURM_ARRAY_TASK_ID=30", "SLURM_ARRAY_TASK_MIN=10", "SLURM_ARRAY_TASK_MAX=50",
                  "SLURM_ARRAY_TASK_STEP=10", "SLURM_ARRAY_TASK_COUNT=5", "SLURM_RESTART_COUNT=2"},
                 2,
                 5,
                 3},
           Tasks{"slurm array that is a list",
                 {"SLURM_JOB_ID=1", "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_MIN=1", "SLURM_ARRAY_TASK_MAX=7",
                  "SLURM_ARRAY_TASK_STEP=1", "SLURM_ARRAY_TASK_COUNT=3"},
                 {},
                 {},
                 {}},
           Tasks{"slurm with nonsense",
                 {"SLURM_JOB_ID=1", "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_MIN=4", "SLURM_ARRAY_TASK_MAX=7",
                  "SLURM_ARRAY_TASK_STEP=0"},
                 {},
                 {},
                 {}},
           Tasks{"no number", {"CLOUD_RUN_JOB=a", "CLOUD_RUN_TASK_INDEX=x", "CLOUD_RUN_TASK_COUNT=-1"}, {}, {}, {}},
       }) {
    const test::Machine empty({});
    const Platform platform = detect(row.environment, empty.root());
    EXPECT_EQ(platform.index, row.index) << row.name;
    EXPECT_EQ(platform.count, row.count) << row.name;
    EXPECT_EQ(platform.attempt, row.attempt) << row.name;
  }
}

// The most specific one wins, and everything wins over the runtime below it.
TEST(Platform, PrecedenceIsFromTheSpecificToTheGeneral) {
  std::vector<std::pair<const char*, std::vector<std::string>>> layers{
      {"aws-batch", kBatch}, {"ecs", kEcs},     {"cloud-run", kCloudRun},         {"kubernetes", kKubernetes},
      {"nomad", kNomad},     {"slurm", kSlurm}, {"podman", {"container=podman"}},
  };
  const test::Machine machine(test::Tree{{"/.dockerenv", ""}});
  while (!layers.empty()) {
    std::vector<std::string> environment;
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
      environment.insert(environment.end(), layer->second.begin(), layer->second.end());
    }
    EXPECT_EQ(detect(environment, machine.root()).name, layers.front().first);
    layers.erase(layers.begin());
  }
  EXPECT_EQ(detect({}, machine.root()).name, "docker");
}

TEST(Platform, PresentLeavesOutWhatIsEmptyOrMissing) {
  const std::vector<std::string> environment{"A=1", "B=", "C=3", "A=second"};
  const std::vector<std::string_view> names{"A", "B", "D"};
  EXPECT_THAT(present(environment, names), ElementsAre(testing::Pair("A", "1")));
  EXPECT_THAT(present({}, names), IsEmpty());
}

}  // namespace
}  // namespace jobinit::platform
