"""The admin's lists over a million rows of each kind: how long a page takes, and how many queries it asks.

Pages are opened by Django's test client: every middleware, the whole page rendered, no network. Each is opened once uncounted.
"""

import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client as Browser

from agency.models import User
from benchmarks.full_tables import FullTables, fill_tables

ROWS = 1_000_000
TIMES = 7
WEEK = "received_on__gte=2000-01-01&received_on__lt=2000-02-01"  # days on which nothing came


def pages_of(full: FullTables, rows: int) -> dict[str, tuple[str, ...]]:
    """The addresses opened, by list: the first page, the last counted one, one by key, each filter with many and few answers, a search."""
    middle, giant, tiny = rows // 2, f"client__id__exact={full.giant.pk}", f"client__id__exact={full.tiny.pk}"
    anywhere = ("", "?p=200", f"?id__lt={middle}")
    return {
        "messaging/contact": (
            *anywhere,
            f"?{giant}",
            f"?{tiny}",
            "?tag=vip",
            "?tag=raro",
            "?consent=1-1",
            "?consent=1-2",
            "?consent=3-1",
            "?consent=3-2",
            f"?{giant}&tag=raro",
            "?q=Pessoa+99",
            "?q=pessoa77@",
            "?q=%2B5511900000077",
            "?q=ninguém",
        ),
        "messaging/consent": (*anywhere, "?state__exact=2", "?channel__exact=3"),
        "messaging/message": (
            *anywhere,
            f"?{giant}",
            f"?{tiny}",
            "?direction__exact=2",
            "?channel__exact=3",
            "?channel__exact=2",
            "?q=person+70",
            "?q=70",
        ),
        "messaging/deliveryevent": (*anywhere, f"?{WEEK}"),
        "integrations/inboundevent": (
            *anywhere,
            "?state__exact=3",
            "?state__exact=0",
            "?state__exact=2",
            "?service=whatsapp_cloud",
            "?service=resend",
            f"?{WEEK}",
            "?q=event.700",
        ),
        "agency/auditentry": (
            *anywhere,
            f"?{giant}",
            f"?{tiny}",
            "?by=people",
            "?by=system",
            "?days=1",
            "?days=30",
            "?q=contact+70",
            "?q=dora@example.com",
        ),
        "messaging/recipient": (
            "",
            *(
                f"?job={full.giant_job.pk}{rest}"
                for rest in ("", f"&after={middle}.0", "&state=20", "&state=90", "&state=80&reason=1", "&state=10")
            ),
            f"?job={full.tiny_job.pk}",
            "?contact=7",
        ),
        "messaging/sendjob": ("", f"?{tiny}"),
        "messaging/deadletter": ("",),
    }


def measure_lists(rows: int = ROWS) -> dict[str, Any]:
    """Fill the tables; open every page as a director, as a manager of two clients, and as one of a single small client.

    Gives a line a list: the median of its pages in ms, its slowest page by the median of its openings, the longest single opening, and the most
    queries of one page.
    """
    logging.getLogger("django.request").setLevel(logging.ERROR)  # what is not there for a reader is no news
    full = fill_tables(rows)
    lines: list[dict[str, Any]] = []
    for name, addresses in pages_of(full, rows).items():
        pages: list[tuple[float, str]] = []
        longest = 0.0
        queries = 0
        for user in (full.director, full.manager, full.newcomer):
            browser = _signed_in(user)
            for address in addresses:
                found = _opened(browser, f"/admin/{name}/{address}")
                if found is None:
                    continue
                taken, asked = found
                queries = max(queries, asked)
                pages.append((statistics.median(taken), f"{address or 'first page'} ({user.username})"))
                longest = max(longest, *taken)
                print(
                    f"{name:26} {user.username:5} {address:45} {statistics.median(taken):6.0f} ms, at most"
                    f" {max(taken):6.0f} ms, {asked} queries",
                    flush=True,
                )
        slowest, page = max(pages)
        lines.append(
            {
                "list": name,
                "p50_ms": round(statistics.median(each for each, _page in pages)),
                "slowest_ms": round(slowest),
                "slowest_page": page,
                "longest_ms": round(longest),
                "queries": queries,
            }
        )
    return {"lists": lines, "lists_slowest_ms": max(line["slowest_ms"] for line in lines)}


def _signed_in(user: User) -> Browser:
    browser = Browser(headers={"host": "localhost"})
    browser.force_login(user)
    return browser


def _opened(browser: Browser, address: str) -> tuple[list[float], int] | None:
    """The times in ms and the number of queries; None where there is nothing for this reader: a record of somebody else's, a page behind the last."""
    asked = 0

    def counted(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(*arguments)

    with connection.execute_wrapper(counted):
        answer = browser.get(address)
    if answer.status_code in {403, 404} or answer.headers.get("Location", "").endswith("?e=1"):
        return None
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    taken = []
    for _time in range(TIMES):
        begun = time.perf_counter()
        browser.get(address)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken, asked
