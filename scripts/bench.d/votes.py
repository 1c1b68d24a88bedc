"""Votes for measurements: sent at a rate by voteops, or put where they wait or are recorded by the servers
themselves; used by the sections of scripts/bench."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from servers import Postgres, Process, give_up

CONNECTIONS = 32
# As many as are put into the stream by one script, which holds up everything else.
FILLED_AT_ONCE = 10_000
# As many rows as one statement makes.
ROWS_AT_ONCE = 1_000_000

# Voters as browsers have them: with names that begin with the time, here of five voters a millisecond. With
# ARGV[3] they are among as many as the ledger has already, picked from all over it.
FILL = """
local known = tonumber(ARGV[3])
for number = ARGV[1], ARGV[1] + ARGV[2] - 1 do
  local who = number + 100000000
  if known > 0 then who = number * 7654321 % known end
  local time = string.format('%012x', 1691000000000 + math.floor(who / 5))
  local voter = string.format('%s-%s-7%03x-8000-%012x', time:sub(1, 8), time:sub(9), who * 40503 % 4096, who)
  local id = string.format('018a0000-0000-7000-8000-%012x', number)
  redis.call('XADD', KEYS[1], '*', 'id', id, 'voter', voter, 'choice', number % 3 == 0 and 'dogs' or 'cats')
end"""

COLUMNS = "INSERT INTO votes (voter, vote_id, choice, cast_at_ms, position, recorded_at_ms)"
# Rows number {first} to {last}, of voters with the names that they have above.
POSTGRES_ROWS = f"""
{COLUMNS} SELECT
  overlay(lpad(to_hex(1691000000000 + number / 5), 12, '0') PLACING '-' FROM 9 FOR 0)
    || '-7' || lpad(to_hex(number * 40503 % 4096), 3, '0') || '-8000-' || lpad(to_hex(number), 12, '0'),
  '01890a5d-ac95-7000-8000-' || lpad(to_hex(number), 12, '0'),
  CASE WHEN number % 3 = 0 THEN 'dogs' ELSE 'cats' END, 1, 1, 1
FROM generate_series({{first}}::bigint, {{last}}) AS number"""
SQLITE_ROWS = f"""
WITH RECURSIVE numbers (number) AS (SELECT {{first}} UNION ALL SELECT number + 1 FROM numbers WHERE number < {{last}})
{COLUMNS} SELECT
  printf('%08x-%04x-7%03x-8000-%012x', (1691000000000 + number / 5) / 65536, (1691000000000 + number / 5) % 65536,
    number * 40503 % 4096, number),
  printf('01890a5d-ac95-7000-8000-%012x', number),
  iif(number % 3 = 0, 'dogs', 'cats'), 1, 1, 1
FROM numbers"""


class Flood(Process):
    """Votes at a constant rate, each by a voter of its own, for a time. What it says of itself goes to a file:
    nobody reads it meanwhile."""

    def __init__(self, voteops, service, rate_per_s, length_s):
        command = [voteops, "chaos", "flood", "--url", service.url, "--json", "--rate", round(rate_per_s)]
        command += ["--for", f"{round(length_s * 1000)}ms", "--connections", CONNECTIONS]
        self._told = tempfile.TemporaryFile()  # noqa: SIM115
        super().__init__(command, stdout=subprocess.PIPE, stderr=self._told)

    def __exit__(self, *_):
        super().__exit__()
        self._process.stdout.close()
        self._told.close()

    def is_over(self):
        return self._process.poll() is not None

    def report(self):
        """What became of the votes, once all are sent."""
        printed, _ = self._process.communicate()
        try:
            return json.loads(printed)
        except json.JSONDecodeError:
            self._told.seek(0)
            give_up(f"the flood ended with {self.wait()}: {self._told.read().decode().strip()}")

    def taken(self, table):
        """How many votes were taken. All should be that were planned; the table tells when they were not."""
        report = self.report()
        missing = report["planned"] - report["accepted"]
        if missing:
            print(f"rejected: {report['rejected']}, errors: {report['errors']}", file=sys.stderr)
            about = f"votes of a load at {report['planned_rate_per_s']:.0f}/s that were not taken"
            table.row(about, missing, f"planned {report['planned']}", missing, at_most=0)
        return report["accepted"]


def fill_queue(redis, first, count, known=0, stream="votes"):
    """Puts votes number `first` and on into a stream: of new voters, or of some of as many who are known."""
    for at in range(first, first + count, FILLED_AT_ONCE):
        redis.command("EVAL", FILL, 1, stream, at, min(FILLED_AT_ONCE, first + count - at), known)


class SqliteLedger:
    """The ledger in a file, which a service has made."""

    name = "SQLite"

    def __init__(self, directory):
        self.path = directory / "votes.db"
        self.url = f"sqlite://{self.path}"

    def cpu_s(self):
        """None of its own: it is a part of the worker."""
        return 0.0

    def fill(self, rows):
        """Makes the table have so many rows and no others."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("DELETE FROM votes")
            for first in range(0, rows, ROWS_AT_ONCE):
                last = min(first + ROWS_AT_ONCE, rows) - 1
                database.execute(SQLITE_ROWS.format(first=first, last=last))
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # Else the first who syncs the file writes all of it.
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def bytes_per_row(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (rows,) = database.execute("SELECT count(*) FROM votes").fetchone()
        return self.path.stat().st_size / rows

    @contextlib.contextmanager
    def looking(self):
        """A function that tells whether a voter's vote is recorded."""
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            has = "SELECT 1 FROM votes WHERE voter = ?"
            yield lambda voter: database.execute(has, (voter,)).fetchone() is not None


class PostgresLedger(Postgres):
    """The ledger in a server of its own."""

    name = "PostgreSQL"

    def fill(self, rows):
        """Makes the table have so many rows and no others."""
        self.query("TRUNCATE votes")
        for first in range(0, rows, ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, rows) - 1
            self.query("SET synchronous_commit = off;" + POSTGRES_ROWS.format(first=first, last=last))
        self.query("VACUUM (ANALYZE) votes")
        self.query("CHECKPOINT")

    def bytes_per_row(self):
        return float(self.query("SELECT pg_total_relation_size('votes')::float / count(*) FROM votes"))

    @contextlib.contextmanager
    def looking(self):
        """A function that tells whether a voter's vote is recorded."""
        command = [self.program("psql"), "-X", "-q", "-A", "-t", self.url]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:

            def has(voter):
                psql.stdin.write(f"SELECT count(*) FROM votes WHERE voter = '{voter}';\n")
                psql.stdin.flush()
                return psql.stdout.readline() == "1\n"

            try:
                yield has
            finally:
                psql.kill()


@contextlib.contextmanager
def ledger(kind, directory):
    """The ledger of one kind, in a directory that is made for it and goes with it."""
    directory.mkdir(parents=True)
    try:
        if kind is SqliteLedger:
            yield SqliteLedger(directory)
        else:
            with PostgresLedger(directory) as server:
                yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


LEDGERS = [SqliteLedger, PostgresLedger]
