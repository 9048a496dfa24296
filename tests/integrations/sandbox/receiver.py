"""A local web address that takes webhooks, for tests: keeps what came and answers as told."""

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Taken:
    """One request. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came so far; `answer` decides status and body of each answer."""

    url: str
    taken: list[Taken] = field(default_factory=list)
    answer: Callable[[Taken], tuple[int, bytes]] = lambda _: (200, b"")

    def wait_for(self, number: int, seconds: float = 10.0) -> list[Taken]:
        """Wait until that many requests have come."""
        deadline = time.monotonic() + seconds
        while len(self.taken) < number:
            assert time.monotonic() < deadline, f"{len(self.taken)} of {number} webhooks came in {seconds} s"
            time.sleep(0.01)
        return self.taken


@contextlib.contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""

    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            taken = Taken(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            receiver.taken.append(taken)
            status, content = receiver.answer(taken)
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 -- the name that http.server looks for

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
