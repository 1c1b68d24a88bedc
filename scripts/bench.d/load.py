"""The flood beside oha and wrk, against a server that answers votes and does nothing else; used by
scripts/bench. All of them take turns in each round, and the medians of the rounds count. Ends with 1
when a bound is missed.

load.py VOTEOPS SERVER OHA WRK
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 5
CONNECTIONS = 32
# A rate that all can keep, and for how long.
RATE_PER_S = 10_000
STEADY_S = 10
# How long each sends as fast as it can.
FULL_S = 5
# What no client reaches here, so that a flood that plans it sends as fast as it can.
OUT_OF_REACH_PER_S = 200_000
BALLOT = '{"voter":"bench-1234567","choice":"cats"}'


@contextlib.contextmanager
def serving(server):
    """The address of the server."""
    with subprocess.Popen([server, "serve"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def run(command):
    """What a program prints, and the seconds of processor time that it took."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        printed = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return printed.decode(), used.ru_utime + used.ru_stime


def flood(voteops, url, rate_per_s, length_s):
    """Votes sent per second, processor time of each in microseconds, p99 of lag in milliseconds."""
    command = [voteops, "chaos", "flood", "--url", url, "--json"]
    command += ["--rate", str(rate_per_s), "--for", f"{round(length_s * 1e3)}ms"]
    printed, cpu_s = run([*command, "--connections", str(CONNECTIONS)])
    report = json.loads(printed)
    if report["accepted"] != report["planned"]:
        sys.exit(f"not every vote was accepted: {printed}")
    lag_ms = report["lag"]["p99_us"] / 1e3
    return report["achieved_rate_per_s"], cpu_s * 1e6 / report["sent"], lag_ms


def oha(program, url, limits):
    """Requests answered per second, processor time of each in microseconds."""
    command = [program, "--no-tui", "--output-format", "json", "-c", str(CONNECTIONS)]
    command += ["-m", "POST", "-T", "application/json", "-d", BALLOT]
    printed, cpu_s = run([*command, *limits, f"{url}/vote"])
    report = json.loads(printed)
    answered = report["statusCodeDistribution"]["202"]
    return report["summary"]["requestsPerSec"], cpu_s * 1e6 / answered


def wrk(program, url, threads):
    """Requests answered per second."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{BALLOT}'\n")
        script.write("wrk.headers['Content-Type'] = 'application/json'\n")
        script.flush()
        command = [program, f"-t{threads}", f"-c{CONNECTIONS}", f"-d{FULL_S}s", "-s", script.name]
        printed, _ = run([*command, f"{url}/vote"])
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"wrk: {printed}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])


def measure(programs, url):
    """The medians of all figures, by name."""
    voteops, oha_program, wrk_program = programs
    seen = {}

    def note(**figures):
        for name, figure in figures.items():
            seen.setdefault(name, []).append(figure)

    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        rate, cpu_us, lag_ms = flood(voteops, url, RATE_PER_S, STEADY_S)
        note(kept=rate / RATE_PER_S, cpu_us=cpu_us, lag_ms=lag_ms)
        steady = ["-z", f"{STEADY_S}s", "-q", str(RATE_PER_S), "--latency-correction"]
        rate, cpu_us = oha(oha_program, url, steady)
        note(oha_kept=rate / RATE_PER_S, oha_cpu_us=cpu_us)
        full, _ = oha(oha_program, url, ["-z", f"{FULL_S}s"])
        note(oha_full=full)
        # With one thread and with one for each core; the faster counts.
        note(wrk_full=max(wrk(wrk_program, url, threads) for threads in {1, os.cpu_count()}))
        length_s = full * FULL_S / OUT_OF_REACH_PER_S
        full, full_cpu_us, _ = flood(voteops, url, OUT_OF_REACH_PER_S, length_s)
        note(full=full, full_cpu_us=full_cpu_us)
    return {name: statistics.median(figures) for name, figures in seen.items()}


def tell(figures):
    """Prints the table, and whether every bound was kept."""
    kept = True

    def row(name, ours, theirs, value, bound, at_least):
        nonlocal kept
        missed = value < bound if at_least else value > bound
        kept = kept and not missed
        told = f"{value:.4g}, at {'least' if at_least else 'most'} {bound}"
        print(f"{name:<52} {ours:>10} {theirs:>14}  {told}{', missed' if missed else ''}")

    seen = figures
    print(f"{f'{CONNECTIONS} connections, {os.cpu_count()} cores':<52} {'voteops':>10}")
    row(
        f"achieved of {RATE_PER_S}/s planned",
        f"{seen['kept']:.4f}",
        f"oha {seen['oha_kept']:.4f}",
        seen["kept"],
        0.999,
        at_least=True,
    )
    row("p99 of lag behind the schedule, ms", f"{seen['lag_ms']:.2f}", "", seen["lag_ms"], 1, False)
    row(
        f"processor time of a vote at {RATE_PER_S}/s, us",
        f"{seen['cpu_us']:.1f}",
        f"oha {seen['oha_cpu_us']:.1f}",
        seen["cpu_us"] / seen["oha_cpu_us"],
        1,
        at_least=False,
    )
    for rival, bound in [("oha", 1), ("wrk", 0.95)]:
        row(
            "highest rate, votes/s",
            f"{seen['full']:.0f}",
            f"{rival} {seen[f'{rival}_full']:.0f}",
            seen["full"] / seen[f"{rival}_full"],
            bound,
            at_least=True,
        )
    return kept


if __name__ == "__main__":
    voteops, server, *rivals = sys.argv[1:]
    with serving(server) as url:
        figures = measure([voteops, *rivals], url)
    sys.exit(0 if tell(figures) else 1)
