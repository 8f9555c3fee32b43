"""Small static C programs that tests run where there is nothing else: in a bare machine, in empty images."""
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def compiled(name, folder):
    """The program of that name, compiled into `folder`. Needs gcc and a static libc: see can_compile()."""
    binary = pathlib.Path(folder) / name
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
                    "-o", binary, HERE / f"{name}.c"], check=True, timeout=60)
    return binary


def can_compile():
    return shutil.which("gcc") is not None
