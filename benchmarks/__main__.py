"""`make bench`: all sides in turn, three rounds; writes `benchmarks/results.json` and `docs/performance.md`."""

import argparse
import importlib
import json
import os
import platform
import re
import statistics
from pathlib import Path

from agency.embedded.borrowing import drop_database, own_servers
from agency.processes import ended_by_signals
from benchmarks.report import REPORT, RESULTS, SIDES, performance_page
from benchmarks.stage import PEOPLE, running_provider

OTHERS = ("materialising", "webhooks", "importing", "lists")


def main() -> None:
    """Measure, write, print. What was left out keeps its figures from the last run in neither file: nothing is written then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="the same as naming parts, separated by commas")
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join((*SIDES, *OTHERS))}; all unless said")
    chosen = parser.parse_args()
    some = [*chosen.parts, *filter(None, chosen.only.split(","))]
    parts = some or [*SIDES, *OTHERS]
    unknown = set(parts) - {*SIDES, *OTHERS}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    own = own_servers("main", "batuta_bench", 5)
    # Django reads the environment that `own_servers` has just set, so what imports models is imported only now.
    measuring = importlib.import_module("benchmarks.measuring")
    measuring.prepare()
    results: dict[str, object] = {}
    with ended_by_signals(), running_provider() as provider:
        sides = [side for side in SIDES if side in parts]
        if sides:
            rates, memory = measuring.measure_sides(sides, chosen.rounds, own, provider, PEOPLE)
            results |= summary(rates) | memory
        if "materialising" in parts:
            module = importlib.import_module("benchmarks.materialising")
            results |= module.measure_materialising(provider, own.redis_url, chosen.rounds)
        if "webhooks" in parts:
            results |= importlib.import_module("benchmarks.webhooks").measure_webhooks()
        # These two empty the tables of people first, so they come last.
        if "importing" in parts:
            module = importlib.import_module("benchmarks.importing")
            results |= module.measure_importing(own.redis_url, chosen.rounds)
        if "lists" in parts:
            results |= importlib.import_module("benchmarks.lists").measure_lists()
    drop_database(own)
    results["machine"] = machine()
    print(json.dumps(results, indent=2))
    if not some:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
        REPORT.write_text(performance_page(results), "utf-8")


def machine() -> str:
    """What the figures were measured on."""
    models = re.findall(r"^model name\s*:\s*(.+)$", _text("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", _text("/proc/meminfo"), re.MULTILINE)
    parts = [
        models[0] if models else platform.processor() or platform.machine(),
        f"{os.cpu_count()} cores",
        f"{int(memory[1]) / 2**20:.0f} GiB of memory" if memory else "",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
    ]
    return ", ".join(part for part in parts if part)


def _text(path: str) -> str:
    """A file of Linux' own; empty elsewhere."""
    return Path(path).read_text("utf-8") if Path(path).exists() else ""


def summary(rates: "dict[str, list[float]]") -> dict[str, object]:
    """Medians, spreads and the two ratios, each ratio from medians of the same run."""
    medians = {side: statistics.median(values) for side, values in rates.items()}
    found: dict[str, object] = {}
    if "engine" in medians and "usual" in medians:
        found["ratio_to_usual"] = round(medians["engine"] / medians["usual"], 2)
    if "engine" in medians and "bare" in medians:
        found["ratio_to_bare"] = round(medians["engine"] / medians["bare"], 3)
    for side, median in medians.items():
        found[f"{side}_per_second"] = round(median)
    found["rounds"] = {side: [round(value) for value in values] for side, values in rates.items()}
    return found


if __name__ == "__main__":
    main()
