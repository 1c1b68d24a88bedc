"""What a guardian takes while it waits, and how fast it undoes what a killed runner leaves behind; used by scripts/bench.

guardian.py VOTEOPS DIRECTORY
"""

import os
import signal
import statistics
import subprocess
import sys
import time

ROUNDS = 20
WAIT_S = 10
PATIENCE_S = 60
MOST_RSS_MB = 5.0
MOST_UNDO_S = 1.0


def status(pid, field):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            name, value = line.split(":", 1)
            if name == field:
                return value.split()[0]
    raise KeyError(field)


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def guardian_of(runner):
    with open(f"/proc/{runner}/task/{runner}/children") as file:
        for child in file.read().split():
            with open(f"/proc/{child}/cmdline", "rb") as file:
                if file.read().startswith(b"voteops-guardian"):
                    return int(child)
    return None


def until(holds, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.0005)
    sys.exit(f"bench: {what} did not happen within {PATIENCE_S} s")


def round_of(voteops, directory, wait_s):
    """One fault whose runner is killed: the guardian's RSS in MB, its CPU ticks, seconds to the undoing."""
    target = subprocess.Popen(["sleep", "600"])
    runner = subprocess.Popen(
        [voteops, "chaos", "stall-worker", "--pid", str(target.pid), "--for", "5m", "--data-dir", directory],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: status(target.pid, "State") == "T", "the fault")
        guardian = until(lambda: guardian_of(runner.pid), "the guardian")
        before = cpu_ticks(guardian)
        time.sleep(wait_s)
        ticks = cpu_ticks(guardian) - before
        rss_mb = int(status(guardian, "VmRSS")) * 1024 / 1e6
        killed = time.monotonic()
        runner.send_signal(signal.SIGKILL)
        until(lambda: status(target.pid, "State") != "T", "the undoing")
        return rss_mb, ticks, time.monotonic() - killed
    finally:
        runner.kill()
        runner.wait()
        target.kill()
        target.wait()


def main(voteops, directory):
    first = round_of(voteops, directory, WAIT_S)
    rounds = [first] + [round_of(voteops, directory, 0.2) for _ in range(ROUNDS - 1)]
    rss_mb = max(rss for rss, _, _ in rounds)
    undo_s = [undo for _, _, undo in rounds]
    rows = [
        ("RSS of a guardian that waits, most", f"{rss_mb:.1f} MB", f"at most {MOST_RSS_MB:.0f} MB", rss_mb <= MOST_RSS_MB),
        (f"its CPU in {WAIT_S} s", f"{first[1] * 1000 // os.sysconf('SC_CLK_TCK')} ms", "none", first[1] == 0),
        (
            f"kill -9 of the runner to the undoing, {ROUNDS} times: median, most",
            f"{statistics.median(undo_s) * 1000:.0f} ms, {max(undo_s) * 1000:.0f} ms",
            f"at most {MOST_UNDO_S:.0f} s",
            max(undo_s) <= MOST_UNDO_S,
        ),
    ]
    for figure, found, bound, held in rows:
        print(f"{figure:<66} {found:>16}  {bound}{'' if held else ', missed'}")
    return all(held for *_, held in rows)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
