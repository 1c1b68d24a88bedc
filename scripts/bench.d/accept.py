"""How many votes a vote app takes, beside the same server with votes that cost nothing; used by
scripts/bench. All take turns in each round, and the medians of the rounds count. Ends with 1 when a bound
is missed.

accept.py VOTE_APP NOOP_SERVER NAIVE_SERVER [--short]
"""

import json
import os
import pathlib
import secrets
import statistics
import subprocess
import sys
import urllib.request
from contextlib import ExitStack

from figures import Table, arguments
from servers import Redis, Service, give_up, vote_app, workplace

CONNECTIONS = 64
# One thread of wrk's sends more than any server here answers, and leaves it the other core.
THREADS = 1
# As redis.conf has it, and what many run.
SYNCS = ["always", "everysec"]
# Those that keep no votes.
FORGETFUL = {"noop", "plain no-op"}
BALLOTS = pathlib.Path(__file__).with_name("ballots.lua")


def wrk(service, length_s):
    """Votes sent for `length_s` seconds as fast as they are answered."""
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{length_s}s", "--latency", "-s", BALLOTS, service.url]
    environment = os.environ | {"RUN": secrets.token_hex(3)[:5]}
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    return json.loads(printed.splitlines()[-1])


def answer_size(service):
    """Bytes of the answer to one vote."""
    ballot = b'{"voter":"probe-1-000000000000","choice":"cats"}'
    request = urllib.request.Request(f"{service.url}/vote", ballot, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return len(answer.read())


def measure(table, servers, redis, rounds, length_s):
    """The medians of votes a second and of p99 in milliseconds, by server. All votes should be answered 202; the
    table tells when they were not."""
    sizes = {name: answer_size(service) for name, service in servers.items()}
    if len(set(sizes.values())) > 1:
        give_up(f"answers differ in size, so that servers cannot be compared: {sizes}")
    seen = {name: [] for name in servers}
    for number in range(rounds):
        for name, service in servers.items():
            # What waits from the last one would fill the memory.
            redis.command("DEL", "votes")
            report = wrk(service, length_s)
            other = report["refused"] + report["broken"]
            if other:
                table.row(f"{name}, round {number + 1}: answers other than 202", other, "", other, at_most=0)
            queued, accepted = redis.length(), report["requests"] - report["refused"]
            if name not in FORGETFUL and queued < accepted:
                give_up(f"{name} accepted {accepted} votes, and {queued} are in the stream")
            rate = accepted * 1e6 / report["duration_us"]
            seen[name].append((rate, report["p99_us"] / 1e3))
            print(f"round {number + 1} of {rounds}: {name} {rate:.0f}/s, {report}", file=sys.stderr)
    redis.command("DEL", "votes")
    return {
        name: [statistics.median(figures) for figures in zip(*rounds, strict=True)] for name, rounds in seen.items()
    }


def beside_noop(table, programs, directory, sync, rounds, length_s):
    """What `measure` finds with a Redis that syncs its file so."""
    vote_app_program, noop_program, naive_program = programs
    directory.mkdir()
    ledger_url = f"sqlite://{directory}/votes.db"
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(directory, appendfsync=sync))
        naive = [naive_program, "127.0.0.1:{port}", redis.url]
        servers = {
            "noop": vote_app(noop_program, redis, ledger_url),
            "vote-app": vote_app(vote_app_program, redis, ledger_url),
            "naive": Service(naive),
            "plain no-op": Service(naive[:-1]),
        }
        for service in servers.values():
            stack.enter_context(service)
        return measure(table, servers, redis, rounds, length_s)


def main(programs, is_short):
    rounds, length_s = (1, 2) if is_short else (5, 10)
    table = Table(f"votes taken over {CONNECTIONS} connections")
    with workplace() as directory:
        for sync in SYNCS:
            seen = beside_noop(table, programs, directory / sync, sync, rounds, length_s)
            noop_rate, noop_p99_ms = seen["noop"]
            for name, rate_bound, p99_bound in [("vote-app", 0.85, 2), ("naive", None, None)]:
                rate, p99_ms = seen[name]
                about = f"appendfsync {sync}, {name}"
                ratio = rate / noop_rate
                table.row(f"{about}: votes/s answered 202", f"{rate:.0f}", f"no-op {noop_rate:.0f}", ratio, rate_bound)
                ratio = p99_ms / noop_p99_ms
                figures = (f"{p99_ms:.2f}", f"no-op {noop_p99_ms:.2f}", ratio)
                table.row(f"{about}: p99, ms", *figures, at_most=p99_bound)
            # The framework's own, without what every answer of the vote app has to have.
            (rate, _), (plain_rate, plain_p99_ms) = seen["vote-app"], seen["plain no-op"]
            figures = (f"{rate:.0f}", f"plain no-op {plain_rate:.0f}", rate / plain_rate)
            table.row(f"appendfsync {sync}, vote-app: votes/s beside a plain no-op", *figures)
            table.row(f"appendfsync {sync}, plain no-op: p99, ms", f"{plain_p99_ms:.2f}")
    return table.tell()


if __name__ == "__main__":
    sys.exit(main(*arguments()))
