"""The private PostgreSQL: unix socket only, generated password, settings for a small machine."""

import secrets
import shlex
import shutil
import signal
from typing import ClassVar

import psutil
import psycopg
from psycopg import errors, sql

from agency.embedded.errors import ServersUnavailable
from agency.embedded.home import TEST_PURPOSES
from agency.embedded.records import same_directory, works_in
from agency.embedded.server import RECOVERY_SECONDS, Answer, PrivateServer, Silence

USER = "batuta"
DATABASE = "batuta"
PORT = 5432  # only the name of the socket file; no TCP port is opened
MAJOR = "18"
MAX_CONNECTIONS = 200  # four a process (the pool's limit), for every process of `make up`, tests and benchmarks
# docker-compose.yml initialises its cluster with the same words; a test compares.
CLUSTER_OPTIONS = (
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=PG_UNICODE_FAST",
    "--locale=C",
)
_QUESTION = "SELECT current_setting('data_directory'), EXISTS (SELECT FROM pg_database WHERE datname = %s)"


class PostgresServer(PrivateServer):
    """One cluster. `main` and `faults` survive a power cut; `test` has fsync off and may not."""

    name: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, rolls back, writes everything

    @property
    def initialised(self) -> bool:
        """Whether the data directory holds a cluster: initdb works in another directory that is renamed at its end, so a version file means a whole one."""
        return (self.data_directory / "PG_VERSION").is_file()

    def ask(self) -> Answer | Silence:
        """`SHOW data_directory`, asked of the server; and whether our database is there."""
        try:
            with self._connect() as connection:
                row = connection.execute(_QUESTION, (DATABASE,)).fetchone()
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            return Silence(text, worth_waiting="password authentication failed" not in text)
        place, whole = (str(row[0]), bool(row[1])) if row else ("", False)
        pid = self._postmaster_pid()
        if not same_directory(place, self.data_directory) or pid is None:
            return Silence(f"it says it serves {place}", worth_waiting=False)
        return Answer(pid, 0, whole)

    def complete(self) -> None:
        """Create our database: on the first start, or after somebody dropped it."""
        try:
            with self._connect() as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except errors.DuplicateDatabase:
            return

    def launch(self) -> None:
        """initdb on first use, then `pg_ctl start`, which returns when the server is ready, a minute of recovery included."""
        if not self.initialised:
            self._initialise()
        found = (self.data_directory / "PG_VERSION").read_text("utf-8").strip()
        if found != MAJOR:
            raise ServersUnavailable(
                f"{self.data_directory} was made by PostgreSQL {found}, this is {MAJOR}. Dump it with the old version, or remove the directory to start empty."
            )
        if not self.password():
            raise ServersUnavailable(
                f"{self.password_path} is lost, so nobody can log in. Restore it, or remove {self.data_directory} to start empty."
            )
        self.clear_leftovers()
        config = self.directory / "postgresql.conf"
        self.home.write(config, self._configuration(), readers="server")
        self.run(
            [
                self.home.programs.postgres_bin / "pg_ctl",
                "start",
                "--wait",
                f"--timeout={RECOVERY_SECONDS:.0f}",
                f"--pgdata={self.data_directory}",
                f"--log={self.log}",
                f"--options=-c config_file={shlex.quote(str(config))}",
            ],
            seconds=RECOVERY_SECONDS + 30,
        )

    def _initialise(self) -> None:
        """Make the cluster beside its final place and rename it when it is whole."""
        unfinished = self.directory / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(self.data_directory, ignore_errors=True)
        self.home.server_directory(unfinished)
        if not self.password():
            self.home.write(self.password_path, secrets.token_urlsafe(24))
        note = self.directory / "initdb.password"
        self.home.write(note, self.password() + "\n", readers="server")
        try:
            self.run(
                [
                    self.home.programs.postgres_bin / "initdb",
                    f"--pgdata={unfinished}",
                    f"--username={USER}",
                    f"--pwfile={note}",
                    *CLUSTER_OPTIONS,
                    *(["--no-sync"] if self.purpose in TEST_PURPOSES else []),
                ],
                seconds=120,
            )
        finally:
            note.unlink()
        self.data_directory.rmdir()
        unfinished.rename(self.data_directory)

    def _configuration(self) -> str:
        """postgresql.conf for this machine: modest memory, few checkpoints, durable unless it is the test cluster."""
        memory = psutil.virtual_memory().total // 1_048_576  # MB
        room = shutil.disk_usage(self.directory).free // 1_048_576
        durable = self.purpose not in TEST_PURPOSES
        shared_buffers = max(32, min(512 if durable else 256, memory // 16))
        settings: dict[str, str | int] = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": str(self.home.sockets(self.purpose)),
            "unix_socket_permissions": "0700",
            "max_connections": MAX_CONNECTIONS,
            "shared_buffers": f"{shared_buffers}MB",
            "effective_cache_size": f"{max(128, memory // 2)}MB",
            "work_mem": "16MB" if memory >= 4096 else "4MB",
            "maintenance_work_mem": f"{max(32, min(256, memory // 32))}MB",
            "dynamic_shared_memory_type": "posix" if _shared_memory_is_roomy() else "mmap",
            "max_wal_size": f"{max(256, min(4096, room // 10))}MB",  # a checkpoint every few minutes of writing, not of seconds
            "min_wal_size": "128MB",
            "checkpoint_timeout": "15min",
            "wal_compression": "on",  # whole-page images after a checkpoint are most of the log
            "random_page_cost": "1.1",
            "jit": "off",  # costs more than it saves on queries of milliseconds
            "max_parallel_workers_per_gather": 1,  # two cores are shared with the workers
            "autovacuum_naptime": "15s",  # recipients are updated twice each, within minutes
            "autovacuum_vacuum_cost_limit": 1000,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            "log_checkpoints": "off",
            "lc_messages": "C",
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
        }
        if not durable:
            settings |= {"wal_level": "minimal", "max_wal_senders": 0}
        lines = [f"{name} = {_quoted(str(value))}" for name, value in settings.items()]
        return "\n".join(["# Written at each start by agency/embedded.", *lines, ""])

    def clear_leftovers(self) -> None:
        """Remove what a dead server left and PostgreSQL would take for a live one because its pid lives again in another program.

        Only called while no process works in the data directory; a pid file whose process is gone is PostgreSQL's own affair.
        """
        for leftover in self.home.sockets(self.purpose).glob(".s.PGSQL.*"):
            leftover.unlink()
        pid = self._postmaster_pid()
        if pid is None:
            (self.data_directory / "postmaster.pid").unlink(missing_ok=True)
        elif psutil.pid_exists(pid) and not works_in(psutil.Process(pid), self.data_directory):
            (self.data_directory / "postmaster.pid").unlink()

    def _postmaster_pid(self) -> int | None:
        try:
            return int((self.data_directory / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.home.sockets(self.purpose)),
            port=PORT,
            user=USER,
            password=self.password() or "none",
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )


def _quoted(value: str) -> str:
    """A value as postgresql.conf wants it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _shared_memory_is_roomy() -> bool:
    """Whether /dev/shm can hold what parallel queries put there (containers often give it 64 MB)."""
    try:
        return shutil.disk_usage("/dev/shm").total >= 256 * 1_048_576  # noqa: S108 - only looked at
    except OSError:
        return False
