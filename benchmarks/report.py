"""`docs/performance.md` from `benchmarks/results.json`; a test compares the two.

`python -m benchmarks.report` writes the page again without measuring.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "performance.md"
RESULTS = Path(__file__).with_name("results.json")

SIDES = {
    "engine": "**This engine**: claims, leases, limits, policy, ledger; two sender processes, one worker, one Beat",
    "bare": "The bare loop: aiohttp, two processes, claim and record in raw SQL, no checks",
    "bare_product": "The bare loop with the product's own HTTP client (pyreqwest)",
    "usual": "The usual shape: one Celery task per recipient, prefork of four, `requests.Session`, ORM get and save",
    "dramatiq": "Dramatiq doing the same: a process a core, eight threads each",
    "procrastinate": "Procrastinate doing the same: a process a core, eight jobs at a time",
}

# figure, what it is, what it should be, whether it is reached
PROMISES: tuple[tuple[str, str, str, float, bool], ...] = (
    ("ratio_to_usual", "Times the usual shape", "≥ 40", 40, True),
    ("ratio_to_bare", "Share of the bare loop", "≥ 0.6", 0.6, True),
    ("materialise_seconds", "A million recipients written, seconds", "≤ 10", 10, False),
    ("materialise_worker_mb", "Memory of the process that writes them, MB", "< 300", 300, False),
    ("sender_mb", "Memory of a sender process, MB", "< 300", 300, False),
    ("valkey_mb", "Memory of Valkey while sending, MB", "< 50", 50, False),
    ("materialise_valkey_mb", "Memory of Valkey while a million are written, MB", "< 50", 50, False),
    (
        "status_events_per_second_in_hundreds",
        "Status events applied a second, payloads of 100",
        "≥ 10,000",
        10_000,
        True,
    ),
    ("status_events_per_second_in_ones", "Status events applied a second, payloads of one", "≥ 1,500", 1_500, True),
    ("webhook_p95_ms", "Webhook answered at 2,000 requests a second, p95 in ms", "≤ 50", 50, False),
    ("import_seconds", "A million rows of a CSV file imported, seconds", "< 50", 50, False),
    (
        "lists_slowest_ms",
        "Slowest page of any list of the admin over a million rows, median of its openings in ms",
        "< 300",
        300,
        False,
    ),
)


def performance_page(results: Mapping[str, Any]) -> str:
    """The page for these figures."""
    rounds: Mapping[str, list[int]] = results["rounds"]
    lines = [
        "# Performance",
        "",
        "Written by `make bench` from `benchmarks/results.json`; not edited by hand. Speeds mean little between machines, so what is",
        "promised is a ratio between sides of one run, in turn, on one machine, all posting to the same local provider: a bare uvloop",
        "server that gives a canned answer after 5 ms. Sides, provider, PostgreSQL and Valkey share the machine's cores.",
        "",
        f"Machine: {results['machine']}.",
        "",
        "## Promises",
        "",
        "| What | Promised | Measured | |",
        "|---|---|---|---|",
    ]
    for figure, what, promised, bound, at_least in PROMISES:
        value = results.get(figure)
        if value is None:
            lines.append(f"| {what} | {promised} | not measured yet | |")
            continue
        reached = value >= bound if at_least else value <= bound
        lines.append(f"| {what} | {promised} | {value:,} | {'reached' if reached else '**not reached**'} |")
    lines += [
        "",
        "## Messages a second",
        "",
        "Recorded as sent, counted over 20 s after 3 s of warm-up. Spread: from the slowest to the fastest round, of the median.",
        "",
        "| Side | Median | Spread | Rounds |",
        "|---|---:|---:|---|",
    ]
    for side, text in SIDES.items():
        values = ", ".join(f"{value:,}" for value in rounds[side])
        median = results[f"{side}_per_second"]
        spread = 100 * (max(rounds[side]) - min(rounds[side])) / median
        lines.append(f"| {text} | {median:,} | {spread:.0f} % | {values} |")
    lines += [
        *_lists(results),
        "",
        "## How to read it",
        "",
        "- The engine does for each message what the other sides leave out: opt-out, suppression, consent, window, frequency cap, pair limit,",
        "  pause and cancel checked at claim time, a lease, a rendered template, fleet-wide limits, a tally per state and reason.",
        "- A million recipients: a campaign started as a person starts it; from the start to the last row committed, by one worker process",
        f"  (rounds: {', '.join(f'{value:g} s' for value in results['materialise_rounds'])}).",
        "- Webhooks: signed payloads of one event posted at a fixed rate to the whole ASGI application in one process; an answer of 200 means",
        f"  committed. {results['webhook_accepted']:,} accepted, {results['webhook_stored']:,} stored.",
        "- Status events: deliveries already stored, taken up, read, and applied to recipients with their tallies, by one process.",
        *_importing(results),
    ]
    return "\n".join(lines) + "\n"


def _importing(results: Mapping[str, Any]) -> list[str]:
    if "import_seconds" not in results:
        return []
    rounds = ", ".join(f"{value:g} s" for value in results["import_rounds"])
    return [
        "- Importing: `import_contacts` as a process of its own, from its start to its end, of a CSV file of a million invented people",
        f"  (`make_people`) into an empty table: {results['import_rows_per_second']:,} rows a second (rounds: {rounds}); the same file once",
        f"  more, which changes nothing: {results['import_again_seconds']:g} s. The process took at most {results['import_mb']:,} MB.",
    ]


def _lists(results: Mapping[str, Any]) -> list[str]:
    """The admin's lists, a line each."""
    if "lists" not in results:
        return []
    lines = [
        "",
        "## Lists of the admin",
        "",
        "Over a million contacts, recipients, messages, delivery events, inbound events and audit entries each, 70 % of them of one client of four.",
        "Each page whole, through every middleware, seven times after one uncounted: the first page, the last counted one, one by key, each filter with",
        "many and with few answers, a search; by a director (dora), an account manager of two clients (ana), and one of a client with a hundred old",
        "rows (bia). A page's time is the median of its seven.",
        "",
        "| List | Median page, ms | Slowest page, ms | which was | Longest single opening, ms | Most queries of a page |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for line in results["lists"]:
        lines.append(
            f"| {line['list']} | {line['p50_ms']:,} | {line['slowest_ms']:,} | `{line['slowest_page']}` | {line['longest_ms']:,} | {line['queries']} |"
        )
    return lines


if __name__ == "__main__":
    REPORT.write_text(performance_page(json.loads(RESULTS.read_text("utf-8"))), "utf-8")
