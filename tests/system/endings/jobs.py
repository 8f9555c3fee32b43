"""What jobs do: one row a behaviour. Perl, because every Debian has it and it starts as fast as a shell."""
import dataclasses
import signal

FOREVER = 600  # seconds; no run waits for that to pass
EXITS_WITH = 77  # what a job that exits on a signal exits with

# The wire is a pipe to the harness that the job inherits; its end of file says that nobody of the run lives any more.
PRELUDE = r"""
my ($life, $how, $left, $heeds) = @ARGV;
my $exit = sub { exit shift };
open my $wire, '>&=', $ENV{WIRE};
sub tell_ { syswrite $wire, "@_\n" }
sub nap { my ($n, $t) = (0, shift); ($n, $t) = select(undef, undef, undef, $t) while $t > 0 }
sub end_ { nap($life); $exit->($how) if $how >= 0; kill -$how, $$; nap(600) }
sub on { my $f = pop; $SIG{$_} = $f for @_ }
sub child { my $f = shift; my $p = fork; if (!$p) { $f->(); exit 0 } $p }
sub stay { $SIG{TERM} = 'IGNORE' if !$heeds; tell_('left', $$); nap($left) }
sub left_ { child(\&stay) }
"""

TERM, INT, HUP, USR1, REALTIME = signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGRTMIN + 1
BIG = 400_000  # more than all the pipes on its way hold


@dataclasses.dataclass(frozen=True)
class Job:
    code: str = ""  # perl: up() once it is what it is going to be, end_ to end as it was told to
    survives: tuple = ()  # signals that do nothing to it
    exits_on: tuple = ()
    leftovers: int = 0  # processes that it leaves behind
    ends: bool = True  # by itself
    outputs: bool = True  # it keeps its outputs open, so that an idle time counts
    writes: int = 0  # bytes of output
    can_wait: bool = True  # for its leftovers, since they end by themselves
    burns: bool = False
    own_signal: int = 0  # what it ends by, whatever it is told
    argv: tuple = ()  # instead of perl
    not_started: int = 0  # the exit code of a command that cannot be


UP = "tell_('up', $$);"
JOBS = {
    "exits": Job(f"{UP} end_"),
    "ignores TERM": Job(f"on('TERM', 'INT', 'IGNORE'); {UP} end_", survives=(TERM, INT)),
    # By _exit: on its way out perl puts its handlers away, and a further signal would have its default effect.
    "exits on TERM": Job(f"use POSIX (); $exit = \\&POSIX::_exit; on('TERM', 'INT', sub {{ $exit->({EXITS_WITH}) }});"
                         f"{UP} end_", exits_on=(TERM, INT)),
    "counts signals": Job(f"on('USR1', 'HUP', 'NUM{REALTIME}', sub {{ tell_('got') }}); {UP} end_",
                          survives=(USR1, HUP, REALTIME)),
    "leaves a daemon": Job("use POSIX 'setsid'; my $d = child(sub { setsid; left_ }); waitpid $d, 0;"
                           f"{UP} end_", leftovers=1),
    "child holds the pipe": Job(f"left_; syswrite STDOUT, 'x' x 1000; {UP} end_", leftovers=1, writes=1000),
    "leaves a stopped child": Job(f"my $c = left_; kill 'STOP', $c; {UP} end_", leftovers=1, can_wait=False),
    "is killed by its child": Job(f"{UP} my $p = $$; child(sub {{ nap($life); kill 9, $p; nap($left) }}); nap(600)",
                                  own_signal=signal.SIGKILL, can_wait=False),
    # A child tells that it stands still.
    "stops itself": Job("my $p = $$; child(sub { do { nap(0.001); open F, \"/proc/$p/stat\" } until <F> =~ /\\) T /;"
                        "tell_('up', $p) }); kill 'STOP', $$; end_", ends=False),
    "closes its outputs": Job(f"close STDOUT; close STDERR; {UP} end_", outputs=False),
    "writes a lot": Job(f"{UP} $| = 1; print 'x' x 1000 for 1..{BIG // 1000}; end_", writes=BIG),
    "forks and forks": Job(f"{UP} for (1..30) {{ child(sub {{ child(sub {{}}) }}); wait }} end_"),
    "burns CPU": Job(f"{UP} 1 while 1", ends=False, burns=True),
    "is a shell": Job(argv=("sh", "-c", "exec 9>/dev/fd/$WIRE; echo up $$ >&9; sleep $0 & wait; exit $1"),
                      can_wait=False),
    "cannot be found": Job(argv=("/no/such/command",), not_started=127),
    "cannot be executed": Job(argv=("/etc/passwd",), not_started=126),
}
