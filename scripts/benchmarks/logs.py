"""What passing a job's log on costs: throughput, CPU, and how much later a line comes."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import Bar, Table, progress

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}

TO_CAT_BAR = 1 / 1.5  # of the time that one more cat takes
TO_DIRECT_BAR = 1 / 0.95  # of the time without anything between
CPU_BAR = 0.5  # of one more cat's
LATENCY_BAR = 200  # microseconds
REFERENCE = "cat FILE \\| cat \\| cat"
DIRECT = "cat FILE \\| cat"
OWN = "jobinit -- cat FILE \\| cat"
S6_LOG = "cat FILE \\| s6-log T 1 \\| cat"

# Fifty, as `--mask` takes them: of the lengths that passwords and tokens have.
SECRETS = {f"SECRET_{i}": f"{i * 7919 % 1000003:06}".translate(str.maketrans("0123456789", "qWeRtYuIoP")) * (2 + i % 6)
           for i in range(50)}
TEXT, JSON, MASKED = FORMATS = ["--log-format text", "--log-format json", "--log-format json --mask SECRET_*"]
JSON_BAR = 1.0  # GB/s of the job's output, or
TO_S6_LOG_BAR = 6  # times s6-log
MASKED_BAR = 0.7  # of JSON's speed

# Tells the time in nanoseconds, again and again, as a job does that has little to say.
CLOCK = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    time.sleep(0.002)
    os.write(1, b"%d\\n" % time.monotonic_ns())
"""


def write_lines(path, mebibytes):
    """Lines as a job writes them, some long, some short; in memory or in the page cache."""
    lines = [f"2024-03-01T03:{i % 60:02}:00Z INFO import row={i} " + "x" * (i * 37 % 160) for i in range(4096)]
    block = ("\n".join(lines) + "\n").encode()
    with open(path, "wb") as file:
        while file.tell() < mebibytes << 20:
            file.write(block)
        return file.tell()


def run_pipeline(*commands):
    """Seconds until all of `a | b | c >/dev/null` have ended, and the CPU seconds of each."""
    begin = time.perf_counter()
    running, source = [], subprocess.DEVNULL
    for argv in commands:
        last = len(running) == len(commands) - 1
        sink = subprocess.DEVNULL if last else subprocess.PIPE
        process = subprocess.Popen(argv, env=ENVIRONMENT | SECRETS, stdin=source, stdout=sink)
        if running:
            running[-1].stdout.close()
        running.append(process)
        source = process.stdout
    used = []
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(process.args)} ended with {process.returncode}")
        used.append(usage.ru_utime + usage.ru_stime)
    return time.perf_counter() - begin, used


def formatted(settings):
    return f"jobinit {settings} -- cat FILE \\| cat"


def format_bars(speeds):
    """How many times faster they would have to be: at most 1."""
    least = max(JSON_BAR, TO_S6_LOG_BAR * speeds.get(S6_LOG, 0))
    to_json, masked = speeds[formatted(JSON)], speeds[formatted(MASKED)]
    return [
        Bar(f"{JSON_BAR} GB/s or {TO_S6_LOG_BAR} times s6-log, to JSON", least / to_json, 1, "x"),
        Bar(f"{MASKED_BAR} of JSON, to JSON with 50 secrets", MASKED_BAR * to_json / masked, 1, "x"),
    ]


def latency(prefix, lines):
    """Microseconds from a line's writing to its reading, the median."""
    process = subprocess.Popen([*prefix, sys.executable, "-c", CLOCK, str(lines)], stdout=subprocess.PIPE, env=ENVIRONMENT)
    late = []
    while stamp := os.read(process.stdout.fileno(), 100):
        late.append((time.monotonic_ns() - int(stamp.split()[-1])) / 1000)
    process.stdout.close()
    if process.wait() != 0:
        sys.exit(f"{' '.join(process.args)} ended with {process.returncode}")
    return statistics.median(late)


def measure(binary, tini, quick, bars):
    rounds, mebibytes, lines = (1, 64, 50) if quick else (9, 1024, 500)
    with tempfile.TemporaryDirectory() as folder:
        path, report = f"{folder}/lines", f"{folder}/report.json"
        size = write_lines(path, mebibytes)
        job, own = ["cat", path], [binary, "--quiet", "--report-to", f"file:{report}", "--"]
        plan = {REFERENCE: (job, ["cat"], ["cat"]), DIRECT: (job, ["cat"]), OWN: ([*own, *job], ["cat"])}
        if tini:
            plan["tini-static -- cat FILE \\| cat"] = ([tini, "-s", "--", *job], ["cat"])
        for settings in FORMATS:
            plan[formatted(settings)] = ([binary, "--quiet", *settings.split(), "--", *job], ["cat"])
        if s6_log := shutil.which("s6-log"):
            plan[S6_LOG] = (job, [s6_log, "T", "1"], ["cat"])
        times = {name: [] for name in plan}
        cpu = {REFERENCE: [], OWN: []}
        for number in range(rounds):
            progress(f"logs: round {number + 1} of {rounds}")
            for name in [list(plan)[(i + number) % len(plan)] for i in range(len(plan))]:
                seconds, used = run_pipeline(*plan[name])
                times[name].append(seconds)
                if name == REFERENCE:
                    cpu[name].append(used[1])
                elif name == OWN:  # its own is with that of the job, which it has waited for
                    with open(report) as file:
                        resources = json.load(file)["resources"]
                    cpu[name].append(used[0] - resources["cpu_user_seconds"] - resources["cpu_system_seconds"])
        late = [(latency([], lines), latency(own, lines)) for _ in range(rounds)]
    progress("")

    def ratio(to):
        return statistics.median(own / other for own, other in zip(times[OWN], times[to]))

    cpu_ratio = statistics.median(own / other for own, other in zip(cpu[OWN], cpu[REFERENCE]))
    added = statistics.median(through - straight for straight, through in late)
    bars += [
        Bar("the log's time, to that of one more cat", ratio(REFERENCE), TO_CAT_BAR, "x"),
        Bar("the same, to that of nothing between", ratio(DIRECT), TO_DIRECT_BAR, "x"),
        Bar("CPU for it, to that of one more cat", cpu_ratio, CPU_BAR, "x"),
        Bar("how much later a line comes, the median", added, LATENCY_BAR, "us"),
    ]
    bars += format_bars({name: size / statistics.median(every) / 1e9 for name, every in times.items()})
    rows = []
    for name, every in times.items():
        speeds = [size / seconds / 1e9 for seconds in every]
        to = statistics.median(other / own for own, other in zip(every, times[REFERENCE]))
        used = f"{statistics.median(cpu[name]) / (size / 1e9):.2f}" if name in cpu else "-"
        rows.append([f"`{name}`", f"{statistics.median(speeds):.2f}", f"{min(speeds):.2f} to {max(speeds):.2f}", f"{to:.2f}", used])
    straight, through = (statistics.median(side) for side in zip(*late))
    notes = (
        f"{mebibytes} MiB of lines of about 40 to 200 bytes, from the page cache through pipes to `cat >/dev/null`, median of "
        f"{rounds} interleaved rounds. The CPU is that of jobinit alone, and of the cat in the middle. An init that captures "
        "nothing hands the job its own stdout, so it is as fast as no init at all. On few cores it is the scheduler that "
        "decides much of this: look at the spread before the medians. Text and JSON write two to three times what they "
        "read; s6-log writes a time before each line.\n\n"
        f"A line a job writes every 2 ms is read {straight:.0f} us later straight from its pipe, and {through:.0f} us later "
        f"behind jobinit (medians of {lines} lines, median of {rounds} rounds)."
    )
    header = ["", "median, GB/s", "worst to best, GB/s", f"to `{REFERENCE}`", "CPU s/GB"]
    return Table("Log throughput", notes, header, rows)
