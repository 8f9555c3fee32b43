"""Random endings, one after the other on two processors, each with one true cause."""
import pytest

ROUNDS = 16
SIZE = 24  # MiB, the limit


def oom(draw):
    mode = draw.choice(["malloc", "mmap", "shared", "tmpfs"])
    folder = "/dev/shm" if mode == "tmpfs" else ""
    return f"hog {mode} {SIZE + draw.randint(1, 24)}M {folder}", 137, "oom_killed", {1}


def oom_of_a_child(draw):
    code = draw.choice([0, 5])
    return f"sh -c ':; hog malloc {SIZE * 2}M; exit {code}'", code, "failed" if code else "success", {1}


def oom_of_all_children(draw):
    return f"hog many {SIZE * 2}M", 137, "oom_killed", set(range(1, SIZE))


def kill(draw):
    size = draw.randint(1, SIZE - 6)
    return f"sh -c 'hog hold {size}M --then sleep & (kill -KILL $$); sleep 1000'", 137, "signaled", {0}


def oom_of_what_is_left(draw):
    """It is deaf, and either reaches the limit or is killed by jobinit before: that is no longer the job's ending."""
    rate = draw.choice([64, 256])
    return f"sh -c 'trap \"\" TERM; hog slow {SIZE * 2}M --rate {rate}M & exit 0'", 0, "success", {0, 1}


def good(draw):
    return f"hog hold {draw.randint(1, SIZE - 6)}M", 0, "success", {0}


@pytest.mark.parametrize("neighbour", [False, True], ids=["alone", "beside a neighbour that is killed all the time"])
def test_random_endings(vm, ending, draw, neighbour):
    expected = []
    script = []
    if neighbour:
        script += ["group other memory.max=16M", "wrap= contain other -- sh -c 'while :; do hog malloc 32M; done' &"]
    for i in range(ROUNDS):
        command, *rest = draw.choice([oom, oom_of_a_child, oom_of_all_children, kill, oom_of_what_is_left, good])(draw)
        expected.append([command, *rest])
        script += [f"group run{i} memory.max={SIZE}M", f"contain run{i} -- --leftover-grace 200ms -- {command}",
                   "rm -f /dev/shm/*"]
    if neighbour:
        script += ["kill -KILL $(cat other.pid)", "wait"]
    result = vm("\n".join(script), processors=2)
    for i, (command, code, cause, kills) in enumerate(expected):
        end = ending(result, f"run{i}")
        assert (end.how, end.cause) == (("exit", code), cause), f"run{i}: {command}"
        assert end.resources["oom_kills"] in kills, f"run{i}: {command}"
