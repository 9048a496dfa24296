"""Asking DNS. The only place that does; docs/decisions/0170-dns-checks.md says why with dnspython."""

from collections.abc import Iterable
from functools import cache

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings

from integrations.errors import TemporaryFailure

SERVICE = "dns"
SECONDS_A_NAME = 3.0  # with its repetitions and all name servers


def txt_records(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The TXT records of each name, () where there are none. Raises `TemporaryFailure` when DNS does not answer."""
    return {name: _ask(name) for name in dict.fromkeys(names)}


def _ask(name: str) -> tuple[str, ...]:
    try:
        answer = _resolver(settings.DNS_SERVER).resolve(name, "TXT", search=False)
    except (
        dns.resolver.NXDOMAIN,
        dns.resolver.NoAnswer,
        dns.name.LabelTooLong,
        dns.name.EmptyLabel,
        dns.name.NameTooLong,
    ):
        return ()
    except (dns.exception.DNSException, OSError, UnicodeError) as error:
        raise TemporaryFailure(
            SERVICE, "TXT", type(error).__name__, f"{name}: no answer from DNS", accepted_possible=False
        ) from error
    return tuple(b"".join(record.strings).decode("utf-8", "replace") for record in answer)


@cache
def _resolver(server: str) -> dns.resolver.Resolver:
    """One resolver a process: this machine's own, or the one that the setting names as host or host:port (an IPv6 host in brackets)."""
    if not server:
        found = dns.resolver.Resolver()
    else:
        found = dns.resolver.Resolver(configure=False)
        host, port = server, ""
        if server.count(":") == 1 or "]:" in server:
            host, _colon, port = server.rpartition(":")
        found.nameservers = [host.strip("[]")]
        found.port = int(port or 53)
    found.lifetime = SECONDS_A_NAME
    found.timeout = SECONDS_A_NAME / 2
    return found
