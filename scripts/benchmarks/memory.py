"""Who ends a job that outgrows its memory, jobinit's guard or the kernel, how near the limit, and what watching costs."""
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import Bar, Table, progress

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from programs import compiled  # noqa: E402

MIB = 1 << 20
LIMIT = 512 * MIB
KERNEL_WINS_BAR = 1  # of 100 runs, at 1 GiB/s
CPU_BAR = 0.2  # per cent of a core


class Group:
    """A memory cgroup of LIMIT without swap, version 1 or 2, below the one that this process is in."""

    def __init__(self, parent, version, name):
        self.folder = parent / name
        self.version = version
        self.folder.mkdir()
        if version == 1:
            self.write("memory.limit_in_bytes", LIMIT)
            with contextlib.suppress(OSError):  # swap may not be accounted for
                self.write("memory.memsw.limit_in_bytes", LIMIT)
        else:
            self.write("memory.max", LIMIT)
            with contextlib.suppress(OSError):
                self.write("memory.swap.max", 0)

    def write(self, name, value):
        (self.folder / name).write_text(str(value))

    def number(self, v1, v2):
        return int((self.folder / (v1 if self.version == 1 else v2)).read_text())

    def used(self):
        return self.number("memory.usage_in_bytes", "memory.current")

    def peak(self):
        return self.number("memory.max_usage_in_bytes", "memory.peak")

    def kernel_kills(self):
        text = (self.folder / ("memory.oom_control" if self.version == 1 else "memory.events")).read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))

    def start(self, argv, **options):
        return subprocess.Popen(argv, preexec_fn=lambda: self.write("cgroup.procs", os.getpid()), **options)

    def remove(self):
        for _ in range(100):
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.05)


def memory_parent():
    """Where groups can be made: the folder and its version; None where the tree is not ours to write to."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return pathlib.Path(f"/sys/fs/cgroup/memory{path}"), 1
    parent = pathlib.Path("/sys/fs/cgroup")  # only its root may have members and pass controllers on
    control = parent / "cgroup.subtree_control"
    return (parent, 2) if control.exists() and "memory" in control.read_text().split() else None


@dataclasses.dataclass
class Ending:
    kernel_won: bool
    peak: int  # bytes
    told: bool = True  # by a report with the true cause


def by_jobinit(binary, group, job, folder):
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    with group.start([binary, "--quiet", "--memory-tier", "guard", "--report-to", f"file:{report}", "--", *job],
                     stdout=subprocess.DEVNULL) as process:
        process.wait()
    kernel_won = group.kernel_kills() > 0
    told = report.exists() and json.loads(report.read_text())["outcome"]["cause"] in (
        ("memory_limit", "oom_killed") if kernel_won else ("memory_limit",))
    return Ending(kernel_won, group.peak(), told)


def by_polling(_binary, group, job, _folder):
    """As earlyoom does it by default: SIGTERM at 10 % left, SIGKILL at 5 %, and a look as soon as 6 GB/s could have used up
    what is left, but at the soonest after 100 ms and at the latest after a second (earlyoom(1), "NOTES")."""
    with group.start(job, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            left = (LIMIT - group.used()) / LIMIT
            if left <= 0.05:
                process.kill()
            elif left <= 0.10:
                process.send_signal(signal.SIGTERM)
            time.sleep(min(max(left * LIMIT / 6e9, 0.1), 1))
    return Ending(group.kernel_kills() > 0, group.peak())


WAYS = {"jobinit": by_jobinit, "earlyoom's way": by_polling}


def measure_endings(binary, parent, version, hog, folder, runs):
    endings = {}
    for number in range(max(runs.values())):
        for growth, job in growths(hog).items():
            for way, end in WAYS.items() if number < runs[growth] else ():
                progress(f"memory: run {number + 1} of {runs[growth]}, {growth}, {way}")
                group = Group(parent, version, f"jobinit-bench-{os.getpid()}")
                try:
                    endings.setdefault((growth, way), []).append(end(binary, group, job, folder))
                finally:
                    group.remove()
    return endings


def growths(hog):
    return {
        "256 MiB/s": [hog, "slow", "1G", "--rate", "256M"],
        "1 GiB/s": [hog, "slow", "1G", "--rate", "1G"],
        "as fast as it goes": [hog, "malloc", "1G"],
    }


def cpu_seconds(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure_watching(binary, parent, version, hog, seconds):
    """CPU seconds a second that PID 1 uses while its job sleeps with an eighth of the limit in use."""
    costs = {}
    for tier in ("off", "guard"):
        progress(f"memory: watching, {tier}")
        group = Group(parent, version, f"jobinit-bench-{os.getpid()}")
        try:
            with group.start([binary, "--quiet", "--memory-tier", tier, "--", hog, "hold", "64M", "--then", "sleep"],
                             stdout=subprocess.PIPE, text=True) as process:
                while "holds" not in process.stdout.readline():
                    pass
                time.sleep(2)  # its growth is forgotten
                before, began = cpu_seconds(process.pid), time.monotonic()
                time.sleep(seconds)
                costs[tier] = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
                process.terminate()
        finally:
            group.remove()
    return costs


def mebibytes(values):
    return f"{statistics.median(values) / MIB:.0f}"


def tables(endings, costs, seconds, bars):
    rows = []
    for (growth, way), all_ in endings.items():
        runs, wins = len(all_), sum(one.kernel_won for one in all_)
        ours = [one for one in all_ if not one.kernel_won]
        unused = [max(LIMIT - one.peak, 0) for one in ours]
        rows.append([
            growth, way, f"{wins} of {runs}", mebibytes(unused) if ours else "-",
            f"{min(unused) / MIB:.0f} to {max(unused) / MIB:.0f}" if ours else "-",
            f"{sum(one.told for one in all_)} of {runs}" if way == "jobinit" else "-",
        ])
    fast = endings["1 GiB/s", "jobinit"]
    bars.append(Bar("runs that the kernel ends first, at 1 GiB/s", 100 * sum(one.kernel_won for one in fast) / len(fast),
                    KERNEL_WINS_BAR, "%"))
    bars.append(Bar("CPU of the guard far from the limit", 100 * costs["guard"], CPU_BAR, "% of a core"))
    untold = sum(not one.told for (_, way), all_ in endings.items() if way == "jobinit" for one in all_)
    bars.append(Bar("runs with no report, or a wrong cause", untold, 0, ""))
    notes = (
        f"A job allocates up to 1 GiB in a cgroup of {LIMIT // MIB} MiB without swap, interleaved. jobinit "
        "runs as `--memory-tier guard`, and keeps 16 MiB of the limit for itself. Beside it the way of earlyoom, with "
        "the limit in the place of the machine's memory, which is what that watches: SIGTERM at 10 % left, SIGKILL at 5 %, "
        "looks 100 ms to 1 s apart. Unused is what was left of the limit at the peak, where the kernel's OOM killer "
        "was not first. Told: there is a report, and its cause is the true one.\n\n"
        f"Watching costs PID 1 {100 * costs['guard']:.3f} % of a core while its job sleeps with 64 MiB in use "
        f"({100 * costs['off']:.3f} % without a guard), over {seconds} s.")
    return Table("The memory limit", notes,
                 ["growth", "ended by", "the kernel was first", "unused, MiB, median", "least to most", "told"], rows)


def measure(binary, quick, bars):
    """The table, its bars added to `bars`; None where no cgroup can be made."""
    place = memory_parent()
    if place is None or not os.access(place[0], os.W_OK):
        return None
    runs = dict(zip(growths(""), (2, 3, 3) if quick else (25, 100, 100)))  # the slow ones take seconds each
    seconds = 2 if quick else 20
    with tempfile.TemporaryDirectory() as folder:
        hog = str(compiled("hog", folder))
        endings = measure_endings(binary, *place, hog, pathlib.Path(folder), runs)
        costs = measure_watching(binary, *place, hog, seconds)
    progress("")
    return tables(endings, costs, seconds, bars)
