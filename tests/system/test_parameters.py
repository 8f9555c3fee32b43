"""Parameters, by the real binary: what the job gets, what is refused, what is shown of it."""
import base64
import json
import os
import stat
import subprocess
import sys
import tempfile

import pytest

from conftest import BINARY, HANG, ROOT, clean_env, python

FEED = {
    "parameters": {
        "CUSTOMER_ID": {"required": True, "pattern": "[0-9]{4}", "description": "whose feed", "example": "1001"},
        "MEDIA": {"type": "enum", "values": ["google", "meta", "criteo"], "default": "google"},
        "FEED_DATE": {"type": "date", "default": "2024-04-01", "from": ["/detail/date", "/time_of_feed"]},
        "IDS": {"type": "list", "items": {"type": "integer"}},
        "LIMIT": {"type": "integer", "min": 1, "max": 100},
        "TOKEN": {"secret": True},
    },
    "env": {"FEED_URL": "https://h/${CUSTOMER_ID}/${MEDIA}"},
}

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@pytest.fixture
def job_file(tmp_path):
    def write(content):
        path = tmp_path / "job.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path
    return write


def shown(run):
    """The arguments and the environment that a job of SHOW had."""
    assert run.code == 0, run.err
    return json.loads(run.out)


def tool(*arguments, **env):
    return subprocess.run([BINARY, *map(str, arguments)], env=clean_env(**env), capture_output=True, text=True, timeout=HANG,
                          check=False)


def test_values_reach_command_environment_and_report(jobinit, job_file):
    run = jobinit("--job", job_file(FEED), "--name", "feed ${MEDIA}", "--",
                  *python(SHOW, "--customer=${CUSTOMER_ID}", "${IDS...}", "${IDS}", "${LIMIT:-no limit}", "$${HOME}", "${HOME}"),
                  env=clean_env(CUSTOMER_ID="1001", IDS="1, 2,3", MEDIA="meta", HOME="/h"))
    arguments, environment = shown(run)
    assert arguments == ["--customer=1001", "1", "2", "3", "1,2,3", "no limit", "${HOME}", "/h"]
    assert (environment["MEDIA"], environment["FEED_DATE"], environment["IDS"]) == ("meta", "2024-04-01", "1,2,3")
    assert environment["FEED_URL"] == "https://h/1001/meta"
    assert "LIMIT" not in environment
    assert run.report["job"]["name"] == "feed meta"
    assert run.report["parameters"]["MEDIA"] == {"value": "meta", "source": "environment: MEDIA"}
    assert run.report["parameters"]["FEED_DATE"] == {"value": "2024-04-01", "source": "default"}
    assert run.report["parameters"]["LIMIT"] == {"value": None, "source": None}


def test_without_declared_parameters_words_are_left_alone(jobinit, job_file):
    words = ["${X}", "$$", "${", "${X:?no}", "$(id)"]
    assert shown(jobinit("--", *python(SHOW, *words)))[0] == words
    assert shown(jobinit("--job", job_file({"name": "${X}"}), "--", *python(SHOW, *words)))[0] == words


def test_a_value_is_never_code(jobinit, job_file):
    evil = "$(touch /tmp/x); `id` ${HOME} \"'"
    path = job_file({"parameters": {"TITLE": {}}})
    assert shown(jobinit("--job", path, "--", *python(SHOW, "${TITLE}"), env=clean_env(TITLE=evil)))[0] == [evil]
    # In a shell's script, it is the shell that looks the name up, in its environment.
    for command in (["--", "sh", "-c", "printf %s \"${TITLE}\""], []):
        env = clean_env(TITLE=evil) if command else clean_env(TITLE=evil, JOBINIT_COMMAND="printf %s \"${TITLE}\"")
        assert jobinit("--job", path, *command, env=env).out.decode() == evil


EVENT = {"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Feed due", "source": "shop.feeds",
         "account": "111122223333", "time": "2024-04-02T06:00:00Z", "region": "eu-central-1", "resources": [],
         "detail": {"customer_id": 1001, "media": "criteo", "date": "2024-04-02", "ids": [7, 8], "LIMIT": None}}


@pytest.mark.parametrize("way", ["JOBINIT_PARAMS", "JOBINIT_PARAMS_FILE", "JOBINIT_PARAMS_ENV"])
def test_an_eventbridge_event(jobinit, job_file, tmp_path, way):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT))
    env = {"JOBINIT_PARAMS": {way: json.dumps(EVENT)}, "JOBINIT_PARAMS_FILE": {way: str(path)},
           "JOBINIT_PARAMS_ENV": {way: "EVENT", "EVENT": json.dumps(EVENT)}}[way]
    run = jobinit("--job", job_file(FEED), "--", *python(SHOW, "${IDS...}"), env=clean_env(**env))
    arguments, environment = shown(run)
    assert arguments == ["7", "8"]
    assert [environment[name] for name in ("CUSTOMER_ID", "MEDIA", "FEED_DATE")] == ["1001", "criteo", "2024-04-02"]
    assert "JOBINIT_PARAMS" not in environment
    assert run.report["parameters"]["CUSTOMER_ID"]["source"].startswith("/detail/customer_id in ")


def test_a_pubsub_message(jobinit, job_file):
    data = base64.b64encode(json.dumps({"CUSTOMER_ID": "1002"}).encode()).decode()
    message = {"message": {"data": data, "attributes": {"MEDIA": "meta"}, "messageId": "1"}, "subscription": "s"}
    _, environment = shown(jobinit("--job", job_file(FEED), "--", *python(SHOW),
                                   env=clean_env(JOBINIT_PARAMS=json.dumps(message))))
    assert (environment["CUSTOMER_ID"], environment["MEDIA"]) == ("1002", "meta")


def test_a_variable_beats_a_file_beats_a_payload(jobinit, job_file, tmp_path):
    secret = tmp_path / "media"
    secret.write_text("criteo\n")
    payload = json.dumps({"CUSTOMER_ID": "1001", "MEDIA": "meta"})

    def media(**env):
        return shown(jobinit("--job", job_file(FEED), "--", *python(SHOW), env=clean_env(JOBINIT_PARAMS=payload, **env)))[1]["MEDIA"]
    assert media() == "meta"
    assert media(MEDIA_FILE=str(secret)) == "criteo"
    assert media(MEDIA_FILE=str(secret), MEDIA="google") == "google"


def test_all_problems_are_told_and_nothing_is_started(jobinit, job_file, tmp_path):
    mark = tmp_path / "started"
    run = jobinit("--job", job_file(FEED), "--before", f"touch {mark}", "--", "touch", mark,
                  env=clean_env(MEDIA="gogle", LIMIT="101", IDS="1,x", FEED_DATE="2024-02-30"))
    assert (run.code, run.cause, mark.exists()) == (125, "rejected", False)
    problems = run.report["outcome"]["problems"]
    assert problems == [
        "CUSTOMER_ID: missing; set the variable CUSTOMER_ID, or CUSTOMER_ID_FILE. whose feed; for example 1001",
        "MEDIA: must be one of google, meta, criteo (did you mean google?), not \"gogle\" (environment: MEDIA); for example google",
        "FEED_DATE: must be a date such as 2024-04-01, today, yesterday, -3d, monday or last-month-end, not \"2024-02-30\" "
        "(environment: FEED_DATE); for example yesterday",
        "IDS: item 2: must be a whole number, not \"1,x\" (environment: IDS); for example 1,1",
        "LIMIT: must be a whole number from 1 to 100, not \"101\" (environment: LIMIT); for example 1",
    ]
    for problem in problems:
        assert f"jobinit: {problem}\n" in run.err


@pytest.mark.parametrize("words, problem", [
    (["${CUSTOMR_ID}"], "the command: ${CUSTOMR_ID}: no such parameter or variable; did you mean CUSTOMER_ID?"),
    (["${LIMIT}"], "the command: ${LIMIT}: it has no value"),
    (["${LIMIT:?how many}"], "the command: LIMIT: how many"),
    (["${TOKEN}"], "the command: ${TOKEN} is a secret"),
    (["${MEDIA...}"], "the command: ${MEDIA...}: only a list can be spread"),
    (["${"], "the command: ${: not of the form"),
])
def test_a_reference_that_cannot_be_meant(jobinit, job_file, words, problem):
    run = jobinit("--job", job_file(FEED), "--", "true", *words, env=clean_env(CUSTOMER_ID="1001", TOKEN="s3cr3t"))
    assert (run.code, run.cause) == (125, "rejected")
    assert problem in run.err
    assert "s3cr3t" not in run.err


def test_a_payload_without_declared_parameters_is_refused(jobinit):
    run = jobinit("--", "true", env=clean_env(JOBINIT_PARAMS='{"A": 1}'))
    assert run.code == 125
    assert "JOBINIT_PARAMS: the job file declares no parameters" in run.err


class TestHandover:
    JOB = {"parameters": {"N": {"type": "integer"}, "TOKEN": {"secret": True}}}
    # Too short to be masked in the job's output, so that it is seen what the job was given.
    ENV = {"N": "7", "TOKEN": "k3y"}

    def test_stdin_also_of_the_second_attempt(self, jobinit, job_file, tmp_path):
        mark = tmp_path / "mark"
        job = "import json, os, sys; print(json.load(sys.stdin)); m = sys.argv[1]; again = os.path.exists(m); open(m, 'w'); sys.exit(0 if again else 3)"
        run = jobinit("--job", job_file(self.JOB), "--params-to", "stdin", "--retries", "1", "--retry-on", "failed",
                      "--retry-backoff", "0", "--", *python(job, mark), env=clean_env(**self.ENV))
        assert run.code == 0, run.err
        assert run.out.decode() == "{'N': 7, 'TOKEN': 'k3y'}\n" * 2

    def test_file_that_only_the_job_can_read_and_that_is_gone_afterwards(self, jobinit, job_file, tmp_path):
        path = tmp_path / "params.json"
        job = "import json, os, sys; s = os.stat(sys.argv[1]); print(json.dumps([s.st_mode, s.st_uid, json.load(open(sys.argv[1]))]))"
        run = jobinit("--job", job_file(self.JOB), "--params-to", f"file:{path}", "--", *python(job, path), env=clean_env(**self.ENV))
        assert run.code == 0, run.err
        mode, owner, content = json.loads(run.out)
        assert (stat.S_IMODE(mode), owner, content) == (0o400, os.geteuid(), {"N": 7, "TOKEN": "k3y"})
        assert not path.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
    def test_file_belongs_to_the_jobs_user(self, jobinit, job_file):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)  # the job's user is to enter it
            path = f"{folder}/params.json"
            run = jobinit("--job", job_file(self.JOB), "--user", "65534:65534", "--params-to", f"file:{path}", "--",
                          "sh", "-c", "stat -c '%u:%g %a' \"$0\" && cat \"$0\"", path, env=clean_env(**self.ENV))
        assert run.out.decode() == '65534:65534 400\n{"N":7,"TOKEN":"k3y"}\n', run.err

    def test_file_that_cannot_be_written(self, jobinit, job_file, tmp_path):
        run = jobinit("--job", job_file(self.JOB), "--params-to", f"file:{tmp_path}/none/p", "--", "true", env=clean_env(**self.ENV))
        assert (run.code, run.cause) == (125, "rejected")
        assert f"params-to: writing {tmp_path}/none/p: No such file or directory" in run.err

    def test_arguments(self, jobinit, job_file):
        job = {"parameters": {"CUSTOMER_ID": {}, "KEY": {"secret": True, "allow_in_argv": True}}}
        run = jobinit("--job", job_file(job), "--params-to", "argv", "--", *python(SHOW, "${KEY}"),
                      env=clean_env(CUSTOMER_ID="a b", KEY="k3y"))
        assert shown(run)[0] == ["k3y", "--customer-id=a b", "--key=k3y"]
        assert run.report["job"]["command"][-1] == "***"
        assert "k3y" not in json.dumps(run.report["job"]) + json.dumps(run.report["parameters"])

    def test_more_than_the_kernel_takes(self, jobinit, job_file):
        job = {"parameters": {"BIG": {}}}
        payload = json.dumps({"BIG": "x" * 140_000})
        path = job_file(job)
        big = path.with_name("big.json")
        big.write_text(payload)
        run = jobinit("--job", path, "--params-file", big, "--", "true")
        assert (run.code, run.cause) == (125, "rejected")
        assert "the variable BIG has 140004 bytes, and the kernel takes at most 131071" in run.err
        run = jobinit("--job", path, "--params-file", big, "--params-to", "stdin", "--", "wc", "-c")
        assert (run.code, run.out.strip()) == (0, b"140011")


class TestShards:
    JOB = {"parameters": {"IDS": {"type": "list", "shard": True, "default": "a,b,c,d,e"}}}

    @pytest.mark.parametrize("env, ids, numbers", [
        ({}, "a,b,c,d,e", None),
        ({"JOBINIT_INDEX": "1", "JOBINIT_COUNT": "2"}, "d,e", ("1", "2")),
        ({"AWS_BATCH_JOB_ID": "x", "AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "3"}, "a,b", ("0", "3")),
        ({"CLOUD_RUN_JOB": "x", "CLOUD_RUN_TASK_INDEX": "4", "CLOUD_RUN_TASK_COUNT": "5"}, "e", ("4", "5")),
        ({"KUBERNETES_SERVICE_HOST": "h", "JOB_COMPLETION_INDEX": "1", "JOBINIT_COUNT": "5"}, "b", ("1", "5")),
        ({"SLURM_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_MAX": "14",
          "SLURM_ARRAY_TASK_STEP": "2", "SLURM_ARRAY_TASK_COUNT": "3"}, "c,d", ("1", "3")),
    ])
    def test_every_array(self, jobinit, job_file, env, ids, numbers):
        _, environment = shown(jobinit("--job", job_file(self.JOB), "--", *python(SHOW), env=clean_env(**env)))
        assert environment["IDS"] == ids
        told = (environment["JOBINIT_INDEX"], environment["JOBINIT_COUNT"]) if "JOBINIT_INDEX" in environment else None
        assert told == numbers

    def test_an_index_that_there_is_not(self, jobinit, job_file):
        run = jobinit("--job", job_file(self.JOB), "--index", "2", "--count", "2", "--", "true")
        assert run.code == 125
        assert "index: 2 is not below --count (2)" in run.err

    def test_too_many_tasks(self, jobinit, job_file):
        run = jobinit("--job", job_file(self.JOB), "--index", "5", "--count", "6", "--", "true")
        assert run.code == 125
        assert "IDS: nothing of it is left for task 5 of 6" in run.err


class TestCheck:
    def test_nothing_wrong(self, job_file):
        done = tool("check", "--job", job_file(FEED), "--", "./export", "${MEDIA}", CUSTOMER_ID="1001")
        assert (done.returncode, done.stdout, done.stderr) == (0, "jobinit: nothing is wrong\n", "")

    def test_everything_wrong(self, job_file):
        done = tool("check", "--job", job_file({**FEED, "timout": 1}), "--tail", "x", "--", "true", MEDIA="x")
        assert done.returncode == 125
        for problem in ('/timout: no such setting "timout"', '--tail: "x" is not a size', "CUSTOMER_ID: missing", "MEDIA: must be one of"):
            assert problem in done.stderr

    def test_no_command(self, job_file):
        assert "no command" in tool("check", "--job", job_file(FEED), CUSTOMER_ID="1001").stderr

    def test_json(self, job_file):
        path = job_file('{\n "timout": 1, "parameters": {"TOKEN": {"secret": true}, "A": {}}}')
        done = tool("check", "--output", "json", "--job", path, "--", "true", TOKEN="s3cr3t", A="b")
        assert json.loads(done.stdout) == {
            "ok": False,
            "problems": [{"message": 'no such setting "timout"; did you mean "timeout"?', "file": str(path), "line": 2, "column": 2,
                          "pointer": "/timout"}],
            "parameters": {"TOKEN": {"value": "***", "source": "environment: TOKEN"}, "A": {"value": "b", "source": "environment: A"}}}
        assert (done.returncode, done.stderr) == (125, "")

    def test_env_file(self, job_file, tmp_path):
        env_file = tmp_path / "env"
        env_file.write_text("# nightly\nCUSTOMER_ID=1001\n\n  MEDIA=meta\nHOME\nJOBINIT_TIMEOUT=5m\n")
        assert tool("check", "--job", job_file(FEED), "--env-file", env_file, "--", "true").returncode == 0
        env_file.write_text("CUSTOMER_ID=1\n")
        assert "not \"1\" (environment: CUSTOMER_ID)" in tool("check", f"--env-file={env_file}", "--job", job_file(FEED), "--", "true").stderr
        assert "--env-file: reading /none" in tool("check", "--env-file", "/none", "--", "true").stderr

    def test_static_asks_for_no_values(self, job_file):
        assert tool("check", "--static", "--job", job_file(FEED)).returncode == 0
        assert tool("check", "--static", "--job", job_file({"tail": "x"})).returncode == 125

    def test_docs(self, job_file):
        done = tool("check", "--static", "--docs", "markdown", "--job", job_file({"parameters": {
            "MEDIA": {"type": "enum", "values": ["a", "b"], "default": "a", "description": "the | network"},
            "TOKEN": {"secret": True, "required": True}}}))
        assert done.stdout == ("| parameter | what | value | default | example |\n|---|---|---|---|---|\n"
                               "| `MEDIA` | the \\| network | one of a, b | `a` | `a` |\n"
                               "| `TOKEN` |  | string, secret | required |  |\n")

    def test_mistyped_options(self):
        assert "--output: there is text and json" in tool("check", "--output", "xml", "--", "true").stderr
        assert "--docs: needs a value" in tool("check", "--docs").stderr
        assert "--env-fil: no such option" in tool("check", "--env-fil", "x", "--", "true").stderr


def test_explain_shows_parameters(job_file):
    done = tool("explain", "--job", job_file({**FEED, "timeout": "1h"}), "--timeout", "5m", "--", "./export", CUSTOMER_ID="1001",
                TOKEN="s3cr3t", JOBINIT_PARAMS='{"CUSTOMER_ID": "1002", "TOKEN": "0ther"}')
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split(None, 1)[1] for line in done.stdout.splitlines() if " " in line}
    assert lines["CUSTOMER_ID"].split() == ["1001", "environment:", "CUSTOMER_ID", "(over", "/CUSTOMER_ID", "in", "JOBINIT_PARAMS)"]
    assert lines["TOKEN"].split()[0] == "***"
    assert lines["MEDIA"].split() == ["google", "default"]
    assert lines["LIMIT"].split() == ["-", "not", "set"]
    assert lines["params"].split() == ["***", "environment:", "JOBINIT_PARAMS"]
    assert "(over job file: " in lines["timeout"]
    assert "s3cr3t" not in done.stdout and "0ther" not in done.stdout


def test_sinks_get_their_parameters(jobinit, job_file, tmp_path):
    run = jobinit("--job", job_file({**FEED, "report_to": [f"file:{tmp_path}/${{CUSTOMER_ID}}-${{MEDIA}}.json"]}), "--", "true",
                  env=clean_env(CUSTOMER_ID="1001"), report=False)
    assert run.code == 0
    assert json.loads((tmp_path / "1001-google.json").read_text())["outcome"]["success"]


def test_chdir_and_hooks_get_their_parameters(jobinit, job_file, tmp_path):
    (tmp_path / "1001").mkdir()
    run = jobinit("--job", job_file({**FEED, "chdir": f"{tmp_path}/${{CUSTOMER_ID}}", "before": ["touch", "before-${MEDIA}"],
                                     "after": ["touch", "after-${MEDIA}"]}), "--", "pwd", env=clean_env(CUSTOMER_ID="1001"))
    assert run.out.decode() == f"{tmp_path}/1001\n"
    assert sorted(path.name for path in (tmp_path / "1001").iterdir()) == ["after-google", "before-google"]


def test_by_another_inits_name_too(job_file, tmp_path):
    (tmp_path / "tini").symlink_to(BINARY)
    done = subprocess.run([tmp_path / "tini", "--", "echo", "${MEDIA}"], capture_output=True, text=True, timeout=HANG, check=False,
                          env=clean_env(JOBINIT_JOB=str(job_file(FEED)), CUSTOMER_ID="1001", JOBINIT_QUIET="1"))
    assert (done.returncode, done.stdout) == (0, "google\n"), done.stderr


def test_an_event_for_the_feed_export_example(tmp_path):
    """The whole way: what EventBridge sends, checked by the example's job file, to the feed that its batch writes."""
    example = ROOT / "examples" / "feed-export"
    subprocess.run([sys.executable, example / "make_master.py", "500", tmp_path / "master.csv"], check=True, timeout=HANG)
    event = {**EVENT, "detail": {"customer_id": 1001, "media": "meta"}}

    def run(**env):
        return subprocess.run([BINARY, "--job", example / "jobinit.json", "--", sys.executable, example / "feed_export.py"],
                              env=clean_env(MASTER=str(tmp_path / "master.csv"), OUTPUT_DIR=str(tmp_path), JOBINIT_PARAMS_ENV="EVENT", **env),
                              capture_output=True, text=True, timeout=HANG, check=False)
    done = run(EVENT=json.dumps(event), FEED_DATE="2024-04-02")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "1001-meta-2024-04-02.tsv").read_text().startswith("id\ttitle\t")
    done = run(EVENT=json.dumps({**event, "detail": {"customer_id": "acme"}}))
    assert done.returncode == 125
    assert done.stderr.splitlines() == [
        "jobinit: CUSTOMER_ID: must match [0-9]{4}, not \"acme\" (/detail/customer_id in EVENT). whose products are exported; for example 1001",
        "jobinit: MEDIA: missing; set the variable MEDIA, or MEDIA_FILE. the advertising network that the feed is for; for example google",
        "jobinit: feed-export was not started: 2 things are wrong with its settings"]
