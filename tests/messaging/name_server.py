"""A small real DNS server on loopback: TXT records from a mapping, names that fail, names that are never answered."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SERVFAIL = "SERVFAIL"


@dataclass
class NameServer:
    """`zone` maps a name to its TXT records, or to `SERVFAIL`; every other name does not exist. `asked` are the names in order."""

    address: str
    zone: dict[str, list[str] | str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, wire: bytes) -> bytes:
        """The answer to one query."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        found = self.zone.get(name)
        if found == SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif found is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            texts = [" ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200)) for text in found]
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", "TXT", texts))
        wire_answer: bytes = response.to_wire()
        return wire_answer


@contextlib.contextmanager
def name_server(zone: Mapping[str, list[str] | str]) -> Iterator[NameServer]:
    """The server, answering until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        server = NameServer(f"127.0.0.1:{listener.getsockname()[1]}", dict(zone))
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    wire, peer = listener.recvfrom(4096)
                    listener.sendto(server.answer(wire), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            thread.join()
