"""The promises about how the program is put together, read from the sources and from what was linked."""
import os
import pathlib
import re
import subprocess

import pytest

from conftest import BINARY, ROOT, SANITIZED

# In the order that data passes through them: a room may include those to its left, and no other.
ROOMS = ["base", "kernel", "cli", "platform", "job", "logs", "supervise", "report", "deliver", "commands"]
SOURCES = [path for folder in ("include/jobinit", "runner") for path in (ROOT / folder).rglob("*.[ch]pp")]

static_only = pytest.mark.skipif(SANITIZED, reason="the sanitizer build is neither static nor hardened")


def room_of(path):
    return path.relative_to(ROOT / ("runner" if "runner" in path.relative_to(ROOT).parts else "include/jobinit")).parts[0]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent != ROOT / "runner"], ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_are_entered_in_order(path):
    room = room_of(path)
    for other in re.findall(r'#include "jobinit/(\w+)/', path.read_text()):
        assert ROOMS.index(other) <= ROOMS.index(room), f"{room} must not include {other}"


def test_every_room_is_known():
    assert {room_of(path) for path in SOURCES if path.parent != ROOT / "runner"} == set(ROOMS)


def test_only_the_kernel_room_and_the_launcher_include_raw_system_headers():
    allowed = {"kernel"}
    # The child between fork and exec; the one file that asks whether a program is there; fd numbers' names.
    exceptions = {"runner/supervise/launch.cpp", "runner/deliver/ca.cpp", "runner/deliver/sinks/stream.cpp",
                  "runner/deliver/sinks/file.cpp"}
    for path in SOURCES:
        if path.parent == ROOT / "runner" or room_of(path) in allowed or str(path.relative_to(ROOT)) in exceptions:
            continue
        raw = re.findall(r"#include <(sys/\w+\.h|unistd\.h|fcntl\.h|poll\.h)>", path.read_text())
        assert not raw, f"{path.relative_to(ROOT)} includes {raw}"


def undefined_symbols(library):
    text = subprocess.run(["nm", "--undefined-only", library], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r" U (\S+)", text))


NETWORK = re.compile(r"^(curl_|SSL_|EVP_|ares_|getaddrinfo|gethostby|socket|connect|accept4?|listen|bind)($|[a-z_])")


def test_pid_1_links_nothing_with_a_network():
    text = subprocess.run(["nm", "--undefined-only", "-A", pathlib.Path(BINARY).parent / "libjobinit_pid1.a"],
                          capture_output=True, text=True, check=True).stdout
    used = re.findall(r":([^:]+):\s+U (\S+)", text)
    assert used
    # Asio's reactor is a class with "socket" in its mangled names; system calls have plain names. The one socket is the job's
    # NOTIFY_SOCKET, which is no network.
    assert {pair for pair in used if NETWORK.match(pair[1])} == {("notify_socket.cpp.o", "socket"), ("notify_socket.cpp.o", "bind")}
    source = (ROOT / "runner" / "kernel" / "notify_socket.cpp").read_text()
    assert re.findall(r"AF_\w+", source) and set(re.findall(r"AF_\w+", source)) == {"AF_UNIX"}


def test_deliver_does():
    """Or the test above would pass for a wrong reason."""
    symbols = undefined_symbols(pathlib.Path(BINARY).parent / "libjobinit_deliver.a")
    assert [name for name in symbols if NETWORK.match(name)]


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, BINARY], capture_output=True, text=True, check=True).stdout


@static_only
class TestBinary:
    def test_it_is_static(self):
        assert "INTERP" not in readelf("--program-headers")
        assert "(NEEDED)" not in readelf("--dynamic")

    def test_it_is_hardened(self):
        assert re.search(r"Type:\s+DYN", readelf("--file-header"))  # a PIE
        segments = readelf("--program-headers")
        assert "GNU_RELRO" in segments
        assert re.search(r"GNU_STACK .* RW +0x", segments)  # not executable
        assert "BIND_NOW" in readelf("--dynamic")

    def test_it_is_stripped_and_small(self):
        assert ".symtab" not in readelf("--section-headers")
        assert os.path.getsize(BINARY) <= 7 * 1024 * 1024

    def test_no_name_service_of_the_image_can_be_loaded(self):
        """glibc's NSS would dlopen() libnss_*.so of whatever image this runs in."""
        assert b"libnss_" not in pathlib.Path(BINARY).read_bytes()

    def test_no_path_of_the_building_machine_is_in_it(self):
        content = pathlib.Path(BINARY).read_bytes()
        assert os.fsencode(ROOT) not in content
        assert b"jobinit/deps/" not in content
