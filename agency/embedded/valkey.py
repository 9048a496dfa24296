"""The private Valkey: a random port on 127.0.0.1 with a generated password, and a unix socket for our own questions."""

import secrets
import signal
import socket
import time
from pathlib import Path
from typing import Any, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agency.embedded.errors import ServersUnavailable
from agency.embedded.home import TEST_PURPOSES
from agency.embedded.records import processes_in, same_directory
from agency.embedded.server import Answer, PrivateServer, Silence

_ATTEMPTS = 5
_RELEASE_SECONDS = 2.0


class ValkeyServer(PrivateServer):
    """One Valkey. `main` and `faults` write their log every second (AOF everysec); `test` never waits for the disk. Nothing is ever evicted."""

    name: ClassVar[str] = "Valkey"
    program: ClassVar[str] = "valkey-server"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def data_directory(self) -> Path:
        """The data directory."""
        return self.directory / "valkey"

    @property
    def port_path(self) -> Path:
        """The file with the last port: a restarted server keeps it, so that running workers find it again."""
        return self.directory / "valkey.port"

    def ask(self) -> Answer | Silence:
        """`CONFIG GET dir port` and the process id, asked through the private unix socket."""
        client = redis.Redis(
            unix_socket_path=str(self._socket),
            password=self.password() or "none",
            socket_timeout=5,
            socket_connect_timeout=5,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),  # the default waits for seconds, and whoever asks here has a loop of his own
        )
        try:
            client.ping()  # refused while it still reads its log, unlike the questions below
            config: Any = client.config_get("dir", "port")
            server: Any = client.info("server")
        except redis.AuthenticationError as error:
            return Silence(str(error), worth_waiting=False)
        except redis.RedisError as error:
            return Silence(str(error))
        finally:
            client.close()
        if not same_directory(config["dir"], self.data_directory):
            return Silence(f"it says it serves {config['dir']}", worth_waiting=False)
        return Answer(int(server["process_id"]), int(config["port"]))

    def launch(self) -> None:
        """Start it on its last port or, when that is taken, on another; Valkey itself goes into the background."""
        if not self.password():
            self.home.write(self.password_path, secrets.token_urlsafe(24))
        self.home.server_directory(self.data_directory)
        config = self.directory / "valkey.conf"
        for attempt in range(_ATTEMPTS):
            port = (self._last_port() if attempt == 0 else None) or _free_port()
            self.home.write(config, self._configuration(port), readers="server")
            self.home.write(self.port_path, str(port))
            self.run([self.home.programs.valkey, config], seconds=30)
            if processes_in(self.data_directory, self.program) or not self._port_was_taken():
                return
        raise ServersUnavailable(f"Valkey found no free port on 127.0.0.1 in {_ATTEMPTS} attempts. {self.explain()}")

    @property
    def _socket(self) -> Path:
        return self.home.sockets(self.purpose) / "valkey"

    def _configuration(self, port: int) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(port),
            "unixsocket": _quoted(self._socket),
            "unixsocketperm": "700",
            "requirepass": self.password(),
            "dir": _quoted(self.data_directory),
            "logfile": _quoted(self.log),
            "daemonize": "yes",
            "set-proc-title": "no",
            "databases": "16",
            "appendonly": "yes",
            "appendfsync": "no" if self.purpose in TEST_PURPOSES else "everysec",
            "save": '""',  # the append-only file is the one copy on disk
            "maxmemory-policy": "noeviction",  # a queue that forgets is worse than one that refuses
            "ignore-warnings": "ARM64-COW-BUG",
        }
        return "\n".join(
            [
                "# Written at each start by agency/embedded.",
                *(f"{name} {value}" for name, value in settings.items()),
                "",
            ]
        )

    def _last_port(self) -> int | None:
        """The port of the last start, if it is free. A killed server's threads may hold it for a moment after the process is gone."""
        try:
            port = int(self.port_path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        deadline = time.monotonic() + _RELEASE_SECONDS
        while not _is_free(port):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        return port

    def _port_was_taken(self) -> bool:
        return "Address already in use" in self.explain()


def _is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quoted(path: Path) -> str:
    """A path as Valkey's configuration file wants it."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
