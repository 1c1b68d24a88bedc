"""What votes cost: processor time, memory and bytes, and whether that grows with the queue or the ledger;
used by scripts/bench. Ends with 1 when a bound is missed.

cost.py VOTEOPS VOTE_APP WORKER [--short]
"""

import contextlib
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

from figures import Table, arguments
from servers import Redis, until, vote_app, worker, workplace
from votes import LEDGERS, Flood, SqliteLedger, fill_queue, ledger

LOOK_S = 0.005
TRIM_S = 0.5
SETTLE_S = 5
MOST_IDLE_RSS_MB = 30
# Costs that differ by no more than this do not grow.
FLAT = 1.25
# So many times as many votes are recorded as taken: it takes a tenth of the time, which is told in ticks.
RECORDED = 3
COUNT_TIMEOUT_S = 120
# How long results are asked for, beside four times what the first took.
COUNTED_FOR_S = 10
# How often a queue is filled to tell what that takes.
FILLINGS = 10
# Votes a second and of a measurement; queues and ledgers that votes are taken beside; bytes on disk at most.
LONG = (5_000, 100_000, [1_000, 100_000, 1_000_000, 5_000_000], [0, 1_000_000, 20_000_000], 10e9)
SHORT = (500, 5_000, [1_000, 50_000], [0, 50_000], 1e9)


class Bench:
    """The programs, the size of the measurements, and the table of what they find."""

    def __init__(self, programs, directory, table, is_short):
        self.voteops, self.vote_app, self.worker = programs
        self.directory, self.table = directory, table
        self.rate_per_s, self.votes, self.lengths, self.ledgers, _ = SHORT if is_short else LONG
        self.recorded = RECORDED * self.votes

    def redis(self, name):
        """A Redis whose memory holds the longest queue and whose file is not written anew meanwhile."""
        place = self.directory / name
        place.mkdir(exist_ok=True)
        return Redis(place, maxmemory="0", auto_aof_rewrite_percentage="0")


def of_each(bench, kind):
    """What each part takes for a vote at a steady rate, from its 202 to its row."""
    with ExitStack() as stack:
        records = stack.enter_context(ledger(kind, bench.directory / f"each-{kind.name}"))
        redis = stack.enter_context(bench.redis(f"each-{kind.name}"))
        app = stack.enter_context(vote_app(bench.vote_app, redis, records.url))
        drainer = stack.enter_context(worker(bench.worker, redis, records.url))
        time.sleep(SETTLE_S)
        fresh_mb = app.rss_mb(), drainer.rss_mb()
        parts = {"vote-app": app, "worker": drainer, "Redis": redis, kind.name: records}
        before = {name: part.cpu_s() for name, part in parts.items()}
        file_before = int(redis.info("persistence")["aof_current_size"])
        with Flood(bench.voteops, app, bench.rate_per_s, bench.votes * 2 / bench.rate_per_s) as flood:
            votes = flood.taken(bench.table)
        redis.until_empty()
        for name, part in parts.items():
            if name != SqliteLedger.name:
                used_s = (part.cpu_s() - before[name]) * 1e6 / votes
                bench.table.row(
                    f"{kind.name}, {bench.rate_per_s}/s: CPU of {name} for a million votes, s", f"{used_s:.1f}"
                )
        written = (int(redis.info("persistence")["aof_current_size"]) - file_before) / votes
        time.sleep(SETTLE_S)
        for name, part, mb in [("vote-app", app, fresh_mb[0]), ("worker", drainer, fresh_mb[1])]:
            for when, rss_mb in [("at first", mb), (f"after {votes} votes", part.rss_mb())]:
                figures = (f"{rss_mb:.1f}", "", rss_mb)
                bench.table.row(f"{kind.name}: idle RSS of {name} {when}, MB", *figures, at_most=MOST_IDLE_RSS_MB)
    return written


def accepted(bench, redis, length):
    """Microseconds of processor time for a vote that is taken while `length` wait."""
    with vote_app(bench.vote_app, redis, f"sqlite://{bench.directory}/unused.db") as app:
        before_s = app.cpu_s() + redis.cpu_s()
        with Flood(bench.voteops, app, bench.rate_per_s, bench.votes / bench.rate_per_s) as flood:
            while not flood.is_over():
                time.sleep(TRIM_S)
                redis.command("XTRIM", "votes", "MAXLEN", length)
            votes = flood.taken(bench.table)
        redis.command("XTRIM", "votes", "MAXLEN", length)
        return (app.cpu_s() + redis.cpu_s() - before_s) * 1e6 / votes


def filling(redis, length):
    """Seconds of Redis's processor time for filling a queue that nobody reads: the read of a worker that waits
    is answered together with what fills the queue, and would be taken for a part of it."""
    before_s = redis.cpu_s()
    for _ in range(FILLINGS):
        fill_queue(redis, 0, length, stream="filling")
        redis.command("UNLINK", "filling")
    return (redis.cpu_s() - before_s) / FILLINGS


def drained(bench, redis, records, length, number=0):
    """Microseconds of processor time for a vote that is recorded while up to `length` wait in front of a
    worker, which begins with so many; those that are filled in again do not count."""
    filled = redis.length()
    filling_s = filling(redis, length) if filled < bench.recorded else 0
    before_s = redis.cpu_s() + records.cpu_s()
    with worker(bench.worker, redis, records.url) as drainer:
        while (done := filled - (left := redis.length())) < bench.recorded:
            if not left:
                fill_queue(redis, number + filled, length)
                before_s += filling_s
                filled += length
            time.sleep(LOOK_S)
        return (drainer.cpu_s() + redis.cpu_s() + records.cpu_s() - before_s) * 1e6 / done


def beside_queues(bench):
    """What taking and recording a vote costs beside queues of different lengths."""
    takes, records_it = {}, {}
    for length in bench.lengths:
        name = f"queue-{length}"
        with ledger(SqliteLedger, bench.directory / name) as records, bench.redis(name) as redis:
            empty = int(redis.info("memory")["used_memory"])
            fill_queue(redis, 0, length)
            used = (int(redis.info("memory")["used_memory"]) - empty) / length
            takes[length] = accepted(bench, redis, length)
            records_it[length] = drained(bench, redis, records, length)
        print(f"queue of {length}: {takes[length]:.1f}, {records_it[length]:.1f} us", file=sys.stderr)
    # The longest tells it best: what Redis allocates ahead is the least part of it.
    bench.table.row(f"Redis memory of a queued vote, of {length}, bytes", f"{used:.0f}")
    for what, costs in [("taking", takes), ("recording", records_it)]:
        grown(bench.table, f"CPU of {what} a vote, us, beside a queue of", costs)


def counted_s(bench, redis, records):
    """Seconds until results are shown that nobody has asked for before, and seconds from asking to having
    them while they are counted anew: a vote app that was just started, and asked without end."""
    with vote_app(bench.vote_app, redis, records.url) as app:
        begun = time.monotonic()
        until(lambda: results(app), "a count of the results", COUNT_TIMEOUT_S)
        first_s = time.monotonic() - begun
        redis.command("DEL", "{votes}:results")
        longest_s = 0.0
        while (since := time.monotonic()) - begun < 4 * first_s + COUNTED_FOR_S:
            if not results(app):
                bench.table.row("results that were shown once and then were not", 1, "", 1, at_most=0)
                break
            longest_s = max(longest_s, time.monotonic() - since)
            time.sleep(LOOK_S)
    return first_s, longest_s


def results(app):
    with contextlib.suppress(urllib.error.URLError):
        return urllib.request.urlopen(f"{app.url}/results").read()
    return None


def beside_ledgers(bench, kind):
    """What recording a vote costs in ledgers of different sizes: of voters who are new, and of some who have
    voted before; and how long the results are in coming."""
    new, again = {}, {}
    for rows in bench.ledgers:
        name = f"ledger-{kind.name}-{rows}"
        with ledger(kind, bench.directory / name) as records, bench.redis(name) as redis:
            with worker(bench.worker, redis, records.url):
                # It makes the table.
                pass
            print(f"{kind.name}: filling {rows} rows", file=sys.stderr)
            records.fill(rows)
            for costs, known in [(new, 0), (again, rows)][: 2 if rows else 1]:
                fill_queue(redis, known and bench.recorded, bench.recorded, known)
                costs[rows] = drained(bench, redis, records, bench.recorded)
            first_s, longest_s = counted_s(bench, redis, records)
            size = records.bytes_per_row()
        print(f"{kind.name} of {rows}: {new[rows]:.1f}, {again.get(rows, 0):.1f} us, {size:.0f} bytes", file=sys.stderr)
    bench.table.row(f"{kind.name}: until the first results of a ledger of {rows}, s", f"{first_s:.2f}")
    bench.table.row(f"{kind.name}: longest answer with results after that, s", f"{longest_s:.2f}")
    bench.table.row(f"{kind.name}: a row in a ledger of {rows}, with its indexes, bytes", f"{size:.0f}")
    for what, costs in [("a new voter's vote", new), ("another vote of a voter", again)]:
        grown(bench.table, f"{kind.name}: CPU of recording {what}, us, in a ledger of", costs)


def grown(table, what, costs):
    """Rows that hold each cost against that of the smallest."""
    smallest = min(costs)
    for size, cost in costs.items():
        if size == smallest:
            table.row(f"{what} {size}", f"{cost:.1f}")
        else:
            figures = (f"{cost:.1f}", f"{smallest}: {costs[smallest]:.1f}", cost / costs[smallest])
            table.row(f"{what} {size}", *figures, at_most=FLAT)


def main(programs, is_short):
    table = Table("costs")
    *_, need_bytes = SHORT if is_short else LONG
    with workplace(need_bytes) as directory:
        bench = Bench(programs, directory, table, is_short)
        for kind in LEDGERS:
            written = of_each(bench, kind)
        table.row("written to Redis's file for a vote, till it is recorded, bytes", f"{written:.0f}")
        beside_queues(bench)
        for kind in LEDGERS:
            beside_ledgers(bench, kind)
    return table.tell()


if __name__ == "__main__":
    sys.exit(main(*arguments()))
