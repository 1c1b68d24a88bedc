"""Whether a vote app and a worker take more memory the longer they work; used by scripts/bench. Ends with
1 when a bound is missed.

soak.py VOTEOPS VOTE_APP WORKER [--short]
"""

import sys
import time
import urllib.request
from contextlib import ExitStack

from figures import Table, arguments, slope
from servers import Redis, vote_app, worker, workplace
from votes import LEDGERS, Flood, ledger

# Votes a second for each of the two ledgers, which are soaked at the same time; in seconds, how long and how often
# to look.
LONG, SHORT = (1_000, 1_800, 10), (200, 120, 2)
# What comes before this share of the time is needed once: buffers and pages of the database's cache.
WARM_UP = 0.25
SETTLE_S = 10
MOST_GROWTH_MB = 1
GROWTH_S = 600
MOST_IDLE_RSS_MB = 30
# At the most, in the ledger, its log and Redis's file.
BYTES_PER_VOTE = 1_000


def soak(table, voteops, apps, services, rate_per_s, length_s, look_s):
    """Seconds and MB of RSS by service; the metrics and the results are asked for all the while."""
    seen = {name: [] for name in services}
    begun = time.monotonic()
    with ExitStack() as stack:
        floods = [stack.enter_context(Flood(voteops, app, rate_per_s, length_s)) for app in apps]
        while not all(flood.is_over() for flood in floods):
            at_s = time.monotonic() - begun
            for name, service in services.items():
                seen[name].append((at_s, service.rss_mb()))
                urllib.request.urlopen(f"{service.url}/metrics").read()
            for app in apps:
                urllib.request.urlopen(f"{app.url}/results").read()
            told = ", ".join(f"{name} {points[-1][1]:.1f} MB" for name, points in seen.items())
            print(f"{at_s:.0f} s: {told}", file=sys.stderr)
            time.sleep(look_s)
        for flood in floods:
            flood.taken(table)
    return seen


def tell(table, name, service, points, length_s):
    """The rows of a service that works no more."""
    idle_mb = service.rss_mb()
    growth_mb = slope([(at_s, mb) for at_s, mb in points if at_s > length_s * WARM_UP]) * GROWTH_S
    about = f"growth of RSS in {GROWTH_S // 60} minutes"
    table.row(f"{name}: RSS, most, MB", f"{max(mb for _, mb in points):.1f}")
    table.row(f"{name}: {about}, MB", f"{growth_mb:+.2f}", "", growth_mb, at_most=MOST_GROWTH_MB)
    table.row(f"{name}: RSS idle afterwards, MB", f"{idle_mb:.1f}", "", idle_mb, at_most=MOST_IDLE_RSS_MB)


def main(programs, is_short):
    voteops, vote_app_program, worker_program = programs
    rate_per_s, length_s, look_s = SHORT if is_short else LONG
    table = Table(f"{length_s / 60:.0f} minutes at {rate_per_s} votes/s for each ledger")
    need_bytes = rate_per_s * length_s * len(LEDGERS) * BYTES_PER_VOTE
    with workplace(need_bytes) as directory, ExitStack() as stack:
        apps, services, queues = [], {}, []
        for kind in LEDGERS:
            place = directory / kind.name
            records = stack.enter_context(ledger(kind, place))
            redis = stack.enter_context(Redis(place))
            app = stack.enter_context(vote_app(vote_app_program, redis, records.url))
            drainer = stack.enter_context(worker(worker_program, redis, records.url))
            apps.append(app)
            queues.append(redis)
            services |= {f"{kind.name}, vote-app": app, f"{kind.name}, worker": drainer}
        seen = soak(table, voteops, apps, services, rate_per_s, length_s, look_s)
        for redis in queues:
            redis.until_empty()
        time.sleep(SETTLE_S)
        for name, service in services.items():
            tell(table, name, service, seen[name], length_s)
    return table.tell()


if __name__ == "__main__":
    sys.exit(main(*arguments()))
