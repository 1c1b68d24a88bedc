"""How long /metrics takes, and whether what users send makes it grow; used by scripts/bench. Ends with 1
when a bound is missed.

scrape.py VOTEOPS VOTE_APP WORKER [--short]
"""

import json
import random
import re
import socket
import statistics
import string
import sys
import time
import urllib.request
from contextlib import ExitStack

from figures import Table, arguments, quantile
from servers import Redis, give_up, vote_app, worker, workplace
from votes import Flood, SqliteLedger, ledger

SCRAPES, FEW_SCRAPES = 1_000, 200
# Not one at once after the other, which no server asks for.
PAUSE_S = 0.02
RATE_PER_S, LOW_RATE_PER_S = 5_000, 500
MOST_MS = 1
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
ODD_REQUESTS = 10_000
# What votes is drawn more often, so that all its answers are among them.
PATHS = ["/", "/results", "/readyz", "/openapi.json", "/static/{odd}/page.css", "/{odd}", "/vote/{odd}", *["/vote"] * 4]
METHODS = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "{ODD}", *["POST"] * 4]
TYPES = ["application/json", "application/x-www-form-urlencoded", "text/{odd}"]
BODIES = [
    '{{"voter":"{odd}","choice":"{odd}"}}',
    '{{"voter":"{odd}","choice":"cats"}}',
    '{{"{odd}":"{odd}"}}',
    "voter={odd}&choice={odd}",
    "{odd}",
    "",
]


class Client:
    """One connection to a service, opened anew when it was closed."""

    def __init__(self, service):
        self._port = service.port
        self._connect()

    def _connect(self):
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request, has_body=True):
        """Sends a request and reads the answer; false when the connection was closed instead."""
        try:
            self._socket.sendall(request)
            self._read_answer(has_body)
        except ConnectionError:
            self._socket.close()
            self._connect()
            return False
        return True

    def _read_answer(self, has_body):
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._receive()
        length = LENGTH.search(answer[: end + 2])
        if not length:
            give_up(f"an answer does not tell its length: {answer[:end].decode()}")
        left = end + 4 + (int(length[1]) if has_body else 0) - len(answer)
        while left > 0:
            left -= len(self._receive())

    def _receive(self):
        part = self._socket.recv(1 << 16)
        if not part:
            raise ConnectionResetError
        return part

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def scraped_ms(services, scrapes):
    """Milliseconds of each scrape, by service, which take turns."""
    seen = {name: [] for name in services}
    request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as stack:
        clients = {name: stack.enter_context(Client(service)) for name, service in services.items()}
        for _ in range(scrapes):
            for name, client in clients.items():
                begun = time.perf_counter()
                client.ask(request)
                seen[name].append((time.perf_counter() - begun) * 1e3)
            time.sleep(PAUSE_S)
    return seen


def tell_times(table, when, seen):
    for name, times_ms in seen.items():
        for figure, time_ms in [("median", statistics.median(times_ms)), ("p99", quantile(times_ms, 0.99))]:
            about = f"{name}, {when}: {figure} of {len(times_ms)} scrapes, ms"
            table.row(about, f"{time_ms:.3f}", "", time_ms, at_most=MOST_MS)


def size(service):
    """Bytes and series of a service's metrics."""
    with urllib.request.urlopen(f"{service.url}/metrics") as answer:
        text = answer.read()
    return len(text), sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))


def odd_request(drawn):
    """A request of which everything may be invented, and whether its answer has a body."""
    odd = "".join(drawn.choices(string.ascii_letters + string.digits, k=drawn.randint(1, 40)))
    names = {"odd": odd, "ODD": "X" + odd[:12].upper()}
    method, path, kind, body = (drawn.choice(of).format(**names) for of in (METHODS, PATHS, TYPES, BODIES))
    headers = {
        "Host": odd,
        "Content-Type": kind,
        "Content-Length": len(body),
        "User-Agent": odd,
        "X-Request-Id": odd,
        f"X-{odd}": odd,
        "Accept": drawn.choice(["text/html", "application/json", odd]),
        "Cookie": f"voter={odd}; choice={odd}",
    }
    if drawn.random() < 0.2:
        headers["Idempotency-Key"] = odd
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"{method} {path}?{odd}={odd} HTTP/1.1\r\n{told}\r\n{body}"
    return request.encode(), method != "HEAD"


def send_odd(service, seed):
    drawn = random.Random(seed)
    with Client(service) as client:
        answered = sum(client.ask(*odd_request(drawn)) for _ in range(ODD_REQUESTS))
    print(f"{answered} of {ODD_REQUESTS} odd requests were answered", file=sys.stderr)


def tell_size(table, app):
    """What series come with odd requests is there after the first of them, so that further ones add none."""
    seen = [size(app)]
    for seed in (1, 2):
        send_odd(app, seed)
        seen.append(size(app))
    print(json.dumps({"bytes, series": seen}), file=sys.stderr)
    (bytes_before, before), (bytes_after, after), (bytes_last, last) = seen
    table.row(f"vote-app: /metrics after {ODD_REQUESTS} odd requests, bytes", bytes_after, f"before {bytes_before}")
    table.row(f"vote-app: after {ODD_REQUESTS} others, bytes", bytes_last, f"before {bytes_after}")
    table.row(f"vote-app: series after {ODD_REQUESTS} odd requests", after, f"before {before}")
    table.row(f"vote-app: series that {ODD_REQUESTS} others add", last - after, "", last - after, at_most=0)


def main(programs, is_short):
    voteops, vote_app_program, worker_program = programs
    scrapes, rate_per_s = (FEW_SCRAPES, LOW_RATE_PER_S) if is_short else (SCRAPES, RATE_PER_S)
    table = Table("/metrics")
    with workplace() as directory, ExitStack() as stack:
        records = stack.enter_context(ledger(SqliteLedger, directory / "stack"))
        redis = stack.enter_context(Redis(directory / "stack"))
        app = stack.enter_context(vote_app(vote_app_program, redis, records.url))
        drainer = stack.enter_context(worker(worker_program, redis, records.url))
        services = {"vote-app": app, "worker": drainer}
        tell_times(table, "idle", scraped_ms(services, scrapes))
        with Flood(voteops, app, rate_per_s, scrapes * PAUSE_S * 1.25) as flood:
            tell_times(table, f"at {rate_per_s} votes/s", scraped_ms(services, scrapes))
            flood.taken(table)
        tell_size(table, app)
    return table.tell()


if __name__ == "__main__":
    sys.exit(main(*arguments()))
