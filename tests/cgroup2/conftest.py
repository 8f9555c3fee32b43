"""Tests on a real cgroup v2: in a machine of QEMU's, which has Debian's kernel. See machine.py and guest/lib.sh.

    scripts/test cgroup2     or, with everything installed: python3 -m pytest tests/cgroup2

JI_BINARY  the (static) binary; default: build/jobinit
JI_KERNEL  a kernel to use instead of Debian's
JI_SEED    the seed of what is drawn at random, which a failure prints
"""
import json
import os
import pathlib
import random
import shutil
import subprocess

import jsonschema
import pytest

from machine import BINARY, ROOT, Machine, make_initramfs
from programs import can_compile, compiled

MIB = 1024 * 1024


def near(size):
    """The kernel charges in lots, and lets some pages through: a little to either side."""
    return pytest.approx(size, abs=2 * MIB)


def find_kernel():
    """The kernel's path, or why there is none."""
    if "JI_KERNEL" in os.environ:
        return os.environ["JI_KERNEL"], ""
    found = subprocess.run([ROOT / "scripts" / "vm", "kernel"], capture_output=True, text=True, timeout=200)
    said = found.stderr.strip().splitlines() or [f"scripts/vm kernel ended with {found.returncode}"]
    return (found.stdout.strip(), "") if found.returncode == 0 else (None, said[-1])


class ScriptFailed(Exception):
    """The script itself failed or took too long, or has left a cgroup that cannot be removed. That is the test's own
    fault: no assertion, and no expected failure."""


class Room:
    """Where machines run: one of a kind, and a new one after one that hung."""

    def __init__(self, kernel, initramfs, folder):
        self.kernel, self.initramfs, self.folder = kernel, initramfs, folder
        self.machines = {}

    def machine(self, processors):
        running = self.machines.get(processors)
        if running is None or not running.alive:
            folder = self.folder / f"with-{processors}"
            folder.mkdir(exist_ok=True)
            running = self.machines[processors] = Machine(self.kernel, self.initramfs, folder, processors)
        return running

    def close(self):
        for machine in self.machines.values():
            machine.stop()


@pytest.fixture(scope="session")
def room(tmp_path_factory):
    for tool in ("qemu-system-x86_64", "cpio", "busybox", "setpriv"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not can_compile():
        pytest.skip("gcc and a static libc are not installed")
    if not BINARY.exists():
        pytest.skip(f"there is no {BINARY}: run scripts/build first")
    if b"/ld-linux" in BINARY.read_bytes()[:4096]:
        pytest.skip(f"{BINARY} is not static, and there are no libraries in the machine")
    kernel, why_not = find_kernel()
    if kernel is None:
        pytest.skip(f"no kernel for the machine: {why_not}")
    folder = tmp_path_factory.mktemp("machine")
    programs = [compiled("hog", folder), compiled("container", folder), BINARY]
    rooms = Room(kernel, make_initramfs(programs, folder), folder)
    yield rooms
    rooms.close()


@pytest.fixture(scope="session")
def schema():
    text = json.loads(subprocess.run([BINARY, "schema", "report"], capture_output=True, check=True, timeout=15).stdout)
    validator = jsonschema.validators.validator_for(text)
    return validator(text, format_checker=validator.FORMAT_CHECKER)


@pytest.fixture
def vm(room):
    """vm(script, processors=1, seconds=...) -> Result: runs it in the machine."""
    def run(script, processors=1, **options):
        result = room.machine(processors).run(script, **options)
        print(result)  # shown by pytest if the test fails
        if result.number("code") != 0 or "left" in result.files:
            raise ScriptFailed(str(result))
        return result

    return run


@pytest.fixture
def draw(request):
    """A source of random choices, the same for the same JI_SEED."""
    seed = os.environ.get("JI_SEED") or str(random.SystemRandom().randrange(10**6))
    print(f"JI_SEED={seed}")
    return random.Random(f"{seed}/{request.node.name}")


class Ending:
    """How a container ended: `how` is ("exit", code) or ("signal", number) of PID 1."""

    def __init__(self, result, name):
        word, number = result.text(f"{name}.end").split()
        self.how = word, int(number)
        self.err = result.text(f"{name}.err")
        self.out = result.text(f"{name}.out")
        self.text = result.files.get(f"{name}.report")

    @property
    def report(self):
        assert self.text, f"there is no report, and PID 1 ended with {self.how}"
        return json.loads(self.text)

    @property
    def cause(self):
        return self.report["outcome"]["cause"]

    @property
    def resources(self):
        return self.report["resources"]


@pytest.fixture
def ending(schema):
    """ending(result, name="job") -> Ending, with a report of the published form."""
    def find(result, name="job"):
        found = Ending(result, name)
        if found.text:
            schema.validate(found.report)
        return found

    return find
