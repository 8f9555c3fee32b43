"""A machine with cgroup v2: Debian's kernel under QEMU, with a busybox, jobinit and the test programs.

It runs scripts, one after the other; a boot takes some seconds, so all tests share one. By hand: scripts/vm.
"""
import base64
import io
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tarfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = pathlib.Path(os.environ.get("JI_BINARY", ROOT / "build" / "jobinit"))
MEMORY = 512  # MiB
DISK = 512 * 1024 * 1024
# Until something that hangs is given up; no test waits for them to pass. The machine is emulated, on a machine that may
# have other things to do.
BOOT_PATIENCE = 120
SCRIPT_PATIENCE = 60


class Hang(AssertionError):
    pass


def make_initramfs(programs, folder):
    """An archive of busybox, what is in guest/, and the programs. Not compressed, since unpacking would be emulated."""
    tree = folder / "initramfs"
    (tree / "bin").mkdir(parents=True)
    for program in (shutil.which("busybox"), *programs):
        shutil.copy(program, tree / "bin")
    for file in (HERE / "guest").iterdir():
        shutil.copy(file, tree)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = folder / "initramfs.cpio"
    with archive.open("wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=tree, input=names.encode(), stdout=out,
                       check=True)
    return archive


def command(kernel, initramfs, folder, *, use, serial, processors=1):
    disk = folder / "disk"
    with disk.open("wb") as file:
        file.truncate(DISK)
    # setpriv: if this process is killed, so is the machine.
    return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max",
            "-m", str(MEMORY), "-smp", str(processors), "-nodefaults", "-display", "none", "-no-reboot",
            *serial, "-drive", f"file={disk},if=none,id=disk,format=raw,cache=unsafe",
            "-device", "nvme,drive=disk,serial=disk",
            "-kernel", str(kernel), "-initrd", str(initramfs),
            "-append", f"console=ttyS0 quiet panic=-1 psi=1 use={use}"]


class Result:
    """What a script has left: `files` by name. Names without a suffix are the script's own output; those of a container
    are told by its name."""

    def __init__(self, archive):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            self.files = {member.name.removeprefix("./"): tar.extractfile(member).read()
                          for member in tar.getmembers() if member.isfile()}

    def text(self, name):
        return self.files[name].decode(errors="replace")

    def number(self, name):
        return int(self.text(name))

    def event(self, key, container="job"):
        """A counter of memory.events."""
        return int(re.search(rf"^{key} (\d+)$", self.text(f"{container}.memory.events"), re.MULTILINE)[1])

    def __str__(self):
        shown = ("code", "out", "err", "left", "kernel")
        names = sorted(self.files, key=lambda name: (name in shown, name))
        return "\n".join(f"--- {name}\n{self.text(name)}" for name in names)


class Machine:
    """Running from its making until stop()."""

    def __init__(self, kernel, initramfs, folder, processors=1):
        self.console_file = folder / "console"
        self.scripts = 0
        serial = ["-serial", f"file:{self.console_file}",
                  "-chardev", "stdio,id=scripts,signal=off", "-serial", "chardev:scripts"]
        words = command(kernel, initramfs, folder, use="scripts", serial=serial, processors=processors)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        bufsize=0)
        self.heard = b""
        try:
            self._hear(b"machine: ready", BOOT_PATIENCE)
        except BaseException:
            self.stop()
            raise

    def _hear(self, wanted, seconds):
        """Reads up to the line that is `wanted`; gives what was before it."""
        end = time.monotonic() + seconds
        while not (found := re.search(rb"^" + wanted + rb"\r?\n", self.heard, re.MULTILINE)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            self.heard += more
            if not more:
                what = "ended" if ready else f"said nothing more within {seconds} s"
                self.stop()
                raise Hang(f"the machine {what}; it said last:\n{self.heard[-2000:].decode(errors='replace')}\n"
                           f"and on its console:\n{self.console()}")
        before, self.heard = self.heard[:found.start()], self.heard[found.end():]
        return before

    def run(self, script, seconds=SCRIPT_PATIENCE):
        self.scripts += 1
        name = b"script-%d" % self.scripts
        text = script.encode()
        self.process.stdin.write(b"%s %d %d\n%s" % (name, seconds, len(text), text))
        self._hear(b"begin " + name, seconds + BOOT_PATIENCE)
        return Result(base64.b64decode(self._hear(b"end " + name, BOOT_PATIENCE)))

    def console(self):
        return self.console_file.read_text(errors="replace")[-8000:] if self.console_file.exists() else ""

    @property
    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()


def shell(kernel, folder, programs):
    """Becomes a machine with a shell on this terminal. Ctrl-A X ends it."""
    folder = pathlib.Path(folder)
    words = command(kernel, make_initramfs(programs, folder), folder, use="shell", serial=["-serial", "mon:stdio"])
    os.execvp(words[0], words)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    from programs import compiled
    work = pathlib.Path(sys.argv[2])
    shell(sys.argv[1], work, [compiled("hog", work), compiled("container", work), BINARY])
