"""A worker at a full queue, beside the queue and the ledger alone and what each database does at its
best with the same rows; used by scripts/bench. The medians of the rounds count. Ends with 1 when a bound
is missed.

drain.py DRAIN_BENCH WORKER [VOTES]
"""

import json
import statistics
import subprocess
import sys

ROUNDS = 3
# A full stream, unless a smaller one is asked for.
VOTES = 1_000_000
PEERS = {"postgres": "COPY of all rows", "sqlite": "prepared upserts"}


def measure(bench, worker, votes, ledger):
    """Votes a second by name, as medians."""
    seen = {}
    for number in range(ROUNDS):
        print(f"{ledger}, round {number + 1} of {ROUNDS}", file=sys.stderr)
        command = [bench, worker, str(votes), ledger]
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        for name, seconds in json.loads(printed).items():
            seen.setdefault(name, []).append(votes / seconds)
    return {name: statistics.median(rates) for name, rates in seen.items()}


def tell(ledger, rates):
    """Prints the rows of one ledger, and whether every bound was kept."""
    kept = True

    def row(name, ours, limit, limit_per_s, bound):
        nonlocal kept
        ratio = ours / limit_per_s
        kept = kept and ratio >= bound
        missed = "" if ratio >= bound else ", missed"
        told = f"{ratio:.2f}, at least {bound}{missed}" if bound else f"{ratio:.2f}"
        print(f"{f'{ledger}: {name}':<34} {ours:>10.0f}  {limit} {limit_per_s:.0f}  {told}")

    row("batches alone", rates["ledger"], PEERS[ledger], rates["peer"], 0.4 if ledger == "postgres" else 0.9)
    if "peer_set_alike" in rates:
        row("batches alone", rates["ledger"], "the same, set alike", rates["peer_set_alike"], 0)
    slower = min("queue", "ledger", key=rates.get)
    row("one worker", rates["one"], f"{slower} alone", rates[slower], 0.8)
    if "two" in rates:
        row("two workers", rates["two"], "one worker", rates["one"], 1)
    return kept


if __name__ == "__main__":
    bench, worker, *votes = sys.argv[1:]
    votes = int(votes[0]) if votes else VOTES
    seen = {ledger: measure(bench, worker, votes, ledger) for ledger in PEERS}
    print(f"{f'{votes} votes, votes/s':<34} {'ours':>10}")
    results = [tell(ledger, rates) for ledger, rates in seen.items()]
    sys.exit(0 if all(results) else 1)
