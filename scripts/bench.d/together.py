"""The highest rate at which the queue stays flat, end to end on one machine, and how long a vote then
takes from its 202 to its row; used by scripts/bench. The load shares the cores.

together.py VOTEOPS VOTE_APP WORKER [--short]
"""

import http.client
import json
import sys
import time
from contextlib import ExitStack

from figures import Table, arguments, quantile, slope
from servers import Redis, give_up, until, vote_app, worker, workplace
from votes import LEDGERS, Flood, ledger

FIRST_RATE_PER_S = 4_000
MOST_RATE_PER_S = 256_000
# The search ends when the highest flat rate and the lowest that is not are so close.
CLOSE = 1.05
LENGTH_S, SHORT_S = 20, 8
TRIES = 2
WARM_UP_S = 5
LOOK_S = 0.25
# A flat queue does not grow by more than this share of the rate, nor hold more than this time's votes.
GROWTH = 0.01
WAITING_S = 1
# Latency is told at this share of the rate.
SHARE = 0.8
PROBE_PAUSE_S = 0.05
PROBE_LOOK_S = 0.001
ACCEPTED = 202
NEED_BYTES = 5e9


def is_flat(voteops, app, redis, rate_per_s, length_s):
    """Whether all votes of this rate are taken and the queue does not grow meanwhile."""
    points, begun = [], time.monotonic()
    with Flood(voteops, app, rate_per_s, length_s) as flood:
        while not flood.is_over():
            time.sleep(LOOK_S)
            at_s = time.monotonic() - begun
            # The stream holds what is pending, too.
            if WARM_UP_S < at_s < length_s:
                points.append((at_s, redis.length()))
        report = flood.report()
    redis.until_empty()
    kept = report["accepted"] == report["planned"] and not report["shortfall"]
    growth_per_s, last = slope(points), points[-1][1]
    flat = kept and growth_per_s <= GROWTH * rate_per_s and last <= WAITING_S * rate_per_s
    told = f"{report['achieved_rate_per_s']:.0f}/s achieved, queue {growth_per_s:+.0f}/s, {last} at the end"
    print(f"{rate_per_s:.0f}/s: {'flat' if flat else 'not flat'}; {told}", file=sys.stderr)
    return flat


def highest_flat_rate(flat_at):
    """The highest rate for which `flat_at` holds, within CLOSE."""
    low, high = 0, FIRST_RATE_PER_S
    while high <= MOST_RATE_PER_S and flat_at(high):
        low, high = high, high * 2
    while high > low * CLOSE and high > FIRST_RATE_PER_S / 16:
        middle = (low + high) / 2
        low, high = (middle, high) if flat_at(middle) else (low, middle)
    return low


def followed_ms(connection, is_recorded, voter):
    """Milliseconds from a vote's 202 until another connection to the ledger sees it."""
    ballot = json.dumps({"voter": voter, "choice": "cats"})
    connection.request("POST", "/vote", ballot, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != ACCEPTED:
        give_up(f"a vote beside the load was answered {answer.status}")
    accepted = time.monotonic()
    until(lambda: is_recorded(voter), f"the recording of {voter}", pause_s=PROBE_LOOK_S)
    return (time.monotonic() - accepted) * 1e3


def latencies_ms(voteops, app, records, rate_per_s, length_s):
    """How long votes beside the load take."""
    seen = []
    connection = http.client.HTTPConnection("127.0.0.1", app.port)
    with Flood(voteops, app, rate_per_s, length_s) as flood, records.looking() as is_recorded:
        time.sleep(WARM_UP_S)
        while not flood.is_over():
            seen.append(followed_ms(connection, is_recorded, f"probe-{len(seen)}"))
            time.sleep(PROBE_PAUSE_S)
    connection.close()
    return seen


def measure(table, programs, kind, directory, length_s):
    """The rows of one ledger."""
    voteops, vote_app_program, worker_program = programs
    with ExitStack() as stack:
        records = stack.enter_context(ledger(kind, directory))
        redis = stack.enter_context(Redis(directory))
        app = stack.enter_context(vote_app(vote_app_program, redis, records.url))
        stack.enter_context(worker(worker_program, redis, records.url))

        def flat_at(rate_per_s):
            # Once is no proof that it is not: something else may have taken a core.
            return any(is_flat(voteops, app, redis, rate_per_s, length_s) for _ in range(TRIES))

        rate = highest_flat_rate(flat_at)
        table.row(f"{kind.name}: highest rate at which the queue stays flat, votes/s", f"{rate:.0f}")
        if rate:
            seen = latencies_ms(voteops, app, records, rate * SHARE, length_s * 2)
            about = f"{kind.name}: from 202 to the row at {SHARE:.0%} of it"
            for name, share in [("p50", 0.5), ("p99", 0.99)]:
                table.row(f"{about}, {name} of {len(seen)}, ms", f"{quantile(seen, share):.1f}")


def main(programs, is_short):
    table = Table("one vote app, one worker, end to end")
    with workplace(NEED_BYTES) as directory:
        for kind in LEDGERS:
            measure(table, programs, kind, directory / kind.name, SHORT_S if is_short else LENGTH_S)
    return table.tell()


if __name__ == "__main__":
    sys.exit(main(*arguments()))
