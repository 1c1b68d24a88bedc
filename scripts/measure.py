"""What a program in a terminal of 200 by 50 costs and how fast it draws; used by scripts/bench.

usage SECONDS PROGRAM ARGUMENT...  prints milliseconds of CPU in that time and the peak of RSS in
                                   MiB
start COUNT PROGRAM ARGUMENT...    prints the median of milliseconds from exec to the first frame
keys COUNT PROGRAM ARGUMENT...     prints median and 99th percentile of milliseconds from a key to
                                   the end of its frame; HANGING in an argument becomes the
                                   address of a server that accepts and never answers
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import statistics
import struct
import sys
import termios
import time

COLUMNS, ROWS = 200, 50
# Neither a start nor what it draws first counts as steady use.
SETTLE_S = 5
# A cursor that is moved: a frame is being drawn.
DRAWN = re.compile(rb"\x1b\[\d+;\d+H")
# A frame has ended when nothing came for so long.
QUIET_S = 0.03
LIMIT_S = 10


@contextlib.contextmanager
def running(command):
    """The program's process id, its terminal and the instant of its start."""
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", LC_ALL="C.UTF-8")
        os.execvp(command[0], command)
    try:
        yield pid, terminal, started
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def read(terminal, wait_s):
    """What the program writes within a time; empty when that is nothing."""
    ready, _, _ = select.select([terminal], [], [], max(wait_s, 0))
    try:
        return os.read(terminal, 1 << 16) if ready else b""
    except OSError:
        sys.exit("the program ended")


def drain(terminal, for_s):
    until = time.monotonic() + for_s
    while (left := until - time.monotonic()) > 0:
        read(terminal, left)


def first_frame(terminal, started):
    """Milliseconds from the start to the first frame."""
    drawn = b""
    while not DRAWN.search(drawn):
        if time.monotonic() - started > LIMIT_S:
            sys.exit("there is no frame")
        drawn += read(terminal, 0.1)
    return (time.monotonic() - started) * 1e3


def run_ns(pid):
    """Nanoseconds that each thread has run; the ticks of /proc/PID/stat are too coarse."""
    taken = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
                taken[thread] = int(stat.read().split()[0])
    return taken


def peak_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def usage(seconds, command):
    with running(command) as (pid, terminal, _):
        drain(terminal, SETTLE_S)
        before, after = run_ns(pid), {}
        for _ in range(seconds):
            drain(terminal, 1)
            # Threads that end are kept as they were seen last.
            after |= run_ns(pid)
        ran_ns = sum(ns - before.get(thread, 0) for thread, ns in after.items())
        print(f"{ran_ns / 1e6:.0f} {peak_mib(pid):.1f}")


def start(count, command):
    taken = []
    for _ in range(count):
        with running(command) as (_, terminal, started):
            taken.append(first_frame(terminal, started))
    print(f"{statistics.median(taken):.1f}")


def key(terminal, pressed):
    """Milliseconds from a key to the last byte of its frame."""
    at = last = time.monotonic()
    os.write(terminal, pressed)
    drawn = False
    while last - at < LIMIT_S:
        if read(terminal, QUIET_S):
            drawn, last = True, time.monotonic()
        elif drawn:
            return (last - at) * 1e3
        else:
            last = time.monotonic()
    sys.exit("a key has no frame")


def keys(count, command):
    with socket.create_server(("127.0.0.1", 0), backlog=128) as hanging:
        # The kernel accepts; nobody ever answers.
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        command = [part.replace("HANGING", address) for part in command]
        with running(command) as (_, terminal, started):
            first_frame(terminal, started)
            drain(terminal, 1)
            # Two screens by turns, so that every key changes the frame.
            taken = [key(terminal, b"21"[n % 2 :][:1]) for n in range(count)]
    print(f"{statistics.median(taken):.1f} {statistics.quantiles(taken, n=100)[98]:.1f}")


if __name__ == "__main__":
    {"usage": usage, "start": start, "keys": keys}[sys.argv[1]](int(sys.argv[2]), sys.argv[3:])
