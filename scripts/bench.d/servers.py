"""Servers and services for measurements: on free ports of loopback, in a directory of their own, gone
when the measuring ends, however it does; used by the sections of scripts/bench."""

import contextlib
import http.client
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REDIS_CONF = pathlib.Path(__file__).parents[2] / "stack" / "redis.conf"
DEBIAN_POSTGRES = pathlib.Path("/usr/lib/postgresql")
START_TIMEOUT_S = 60
# How long a command of Redis may take: one script adds some ten thousand votes.
REDIS_TIMEOUT_S = 120
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MB = 1e6


def give_up(reason):
    sys.exit(f"scripts/bench: {reason}")


def until(holds, what, timeout_s=START_TIMEOUT_S, pause_s=0.02):
    """What `holds` returns once that is true."""
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            give_up(f"{what} did not happen within {timeout_s} s")
        time.sleep(pause_s)
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def workplace(need_bytes=0):
    """A directory that others may enter, as PostgreSQL's user has to; `need_bytes` is what it will hold.
    It goes when the measuring ends, also by SIGTERM and SIGHUP."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
    if free_bytes < need_bytes:
        give_up(
            f"this takes {need_bytes / 1e9:.1f} GB in {tempfile.gettempdir()}, where {free_bytes / 1e9:.1f} GB"
            " are free; make room, name another place by TMPDIR, or take the short form (BENCH_SHORT=1)"
        )
    with tempfile.TemporaryDirectory(prefix="voteops-bench-", ignore_cleanup_errors=True) as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        yield directory


class Process:
    """A program that ends with this one, whatever ends it."""

    def __init__(self, command, user=None, **options):
        tie = ["setpriv", "--pdeathsig", "KILL"]
        if user:
            tie += [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | options
        self._process = subprocess.Popen([*tie, *map(str, command)], **options)
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def wait_for(self, holds, what):
        def looked():
            if self._process.poll() is not None:
                give_up(f"{what}: the process ended with {self._process.returncode}")
            return holds()

        return until(looked, what)

    def wait(self):
        """Its exit code, once it has ended."""
        return self._process.wait()

    def end(self, how=signal.SIGTERM):
        """Ends the process, and waits for that."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def cpu_s(self):
        """Seconds of processor time, user and system, of all threads there were."""
        return sum(self._stat(self.pid)[11:13]) * TICK_S

    def rss_mb(self):
        with open(f"/proc/{self.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / MB

    @staticmethod
    def _stat(pid):
        with open(f"/proc/{pid}/stat") as stat:
            return [int(field) if field.isdigit() else 0 for field in stat.read().rsplit(")", 1)[1].split()]


class Redis(Process):
    """A Redis with the stack's own file, and settings that differ from it."""

    def __init__(self, directory, **settings):
        self.port = free_port()
        self._connection = None
        command = ["redis-server", REDIS_CONF, "--port", self.port, "--bind", "127.0.0.1"]
        command += ["--dir", directory, "--logfile", directory / "redis.log"]
        for name, value in settings.items():
            command += [f"--{name.replace('_', '-')}", value]
        super().__init__(command)
        self.wait_for(lambda: listens(self.port), "the start of redis-server")
        self.url = f"redis://127.0.0.1:{self.port}"

    def command(self, *words):
        """The answer: a number, a text, a list of those, or None."""
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self.port), REDIS_TIMEOUT_S)
            self._answers = self._connection.makefile("rb")
        words = [str(word).encode() for word in words]
        told = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self._connection.sendall(b"*%d\r\n%s" % (len(words), told))
        return self._answer()

    def _answer(self):
        """RESP2: https://redis.io/docs/latest/develop/reference/protocol-spec/"""
        line = self._answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            give_up(f"redis: {rest.decode()}")
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        size = int(rest)
        if size < 0:
            return None
        if kind == b"$":
            return self._answers.read(size + 2)[:-2].decode()
        return [self._answer() for _ in range(size)]

    def info(self, section):
        lines = self.command("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def cpu_s(self):
        """As Redis counts it itself: to the microsecond, with the children that wrote its file anew."""
        used = self.info("cpu")
        return sum(float(used[f"used_cpu_{kind}"]) for kind in ("user", "sys", "user_children", "sys_children"))

    def length(self):
        return self.command("XLEN", "votes")

    def until_empty(self):
        """Waits as long as the queue gets shorter."""
        before, since = self.length(), time.monotonic()
        while (length := self.length()) > 0:
            if length < before:
                before, since = length, time.monotonic()
            elif time.monotonic() - since > START_TIMEOUT_S:
                give_up(f"{length} votes stay in the queue")
            time.sleep(0.02)


class Postgres(Process):
    """A PostgreSQL with its own settings, but for its address: what is committed is on disk."""

    def __init__(self, directory):
        data, user = directory / "postgres", None
        data.mkdir()
        if os.getuid() == 0:
            # It refuses to run as root.
            user = "postgres"
            try:
                owner = pwd.getpwnam(user)
            except KeyError:
                give_up("there is no user postgres to run PostgreSQL as; install postgresql")
            os.chown(data, owner.pw_uid, owner.pw_gid)
        init = [self.program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        with Process([*init, "--no-sync"], user, cwd=data) as made:
            if made.wait():
                give_up("initdb made no cluster")
        self.port = free_port()
        command = [self.program("postgres"), "-D", data, "-p", self.port, "-c", "listen_addresses=127.0.0.1"]
        command += ["-c", "unix_socket_directories="]
        super().__init__(command, user, cwd=data, stderr=subprocess.DEVNULL)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.wait_for(lambda: listens(self.port), "the start of PostgreSQL")

    @staticmethod
    def program(name):
        folders = sorted(DEBIAN_POSTGRES.glob("*/bin"), reverse=True)
        path = os.pathsep.join([os.environ["PATH"], *map(str, folders)])
        return shutil.which(name, path=path) or give_up(f"no {name} here; install postgresql")

    def end(self, how=signal.SIGQUIT):
        """Not waiting for its clients."""
        super().end(how)

    def query(self, statement):
        """What a statement returns, as one text."""
        command = [self.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return subprocess.run([*command, self.url], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def cpu_s(self):
        """With the children, also those that have ended and were waited for."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as children:
            living = children.read().split()
        ticks = sum(self._stat(self.pid)[11:15])
        for pid in living:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ticks += sum(self._stat(pid)[11:13])
        return ticks * TICK_S


class Service(Process):
    """A service of the stack, which answers at `port`."""

    def __init__(self, command, check="/healthz"):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__([part.format(port=self.port) for part in map(str, command)])
        self.wait_for(lambda: self._answers(check), f"the start of {pathlib.Path(command[0]).name}")

    def _answers(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status < 500
        return False


def vote_app(program, redis, ledger_url):
    """A vote app, or an example that takes the same arguments."""
    command = [program, "--listen", "127.0.0.1:{port}", "--log-level", "warn", "--redis-url", redis.url]
    return Service([*command, "--ledger-url", ledger_url])


def worker(program, redis, ledger_url, batch_size=1000):
    """A worker that records up to `batch_size` votes at once."""
    command = [program, "--listen", "127.0.0.1:{port}", "--log-level", "warn", "--redis-url", redis.url]
    return Service([*command, "--ledger-url", ledger_url, "--batch-size", batch_size])
