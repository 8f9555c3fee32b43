"""What scripts/bench measures, a file a subject."""
import dataclasses
import sys


@dataclasses.dataclass
class Bar:
    name: str
    value: float
    limit: float
    unit: str

    @property
    def met(self):
        return self.value <= self.limit


@dataclasses.dataclass
class Table:
    title: str
    notes: str
    header: list
    rows: list


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
