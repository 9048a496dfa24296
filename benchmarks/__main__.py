"""`make bench`: all sides in turn, three rounds; writes `benchmarks/results.json` and `docs/performance.md`."""

import argparse
import importlib
import json
import os
import platform
import statistics
from collections import defaultdict
from pathlib import Path

from agency.embedded.borrowing import drop_database, own_servers
from agency.processes import ended_by_signals
from benchmarks.stage import PEOPLE, running_provider

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", default="engine,bare,bare_product,usual,dramatiq,procrastinate")
    chosen = parser.parse_args()
    own = own_servers("main", "batuta_bench", 5)
    # Django reads the environment that `own_servers` has just set, so what imports models is imported only now.
    measuring = importlib.import_module("benchmarks.measuring")
    with ended_by_signals(), running_provider() as provider:
        rates = measuring.measure_sides(chosen.sides.split(","), chosen.rounds, own, provider, PEOPLE)
        webhooks = importlib.import_module("benchmarks.webhooks").measure_webhooks()
    drop_database(own)
    results = summary(rates) | webhooks
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    print(json.dumps(results, indent=2))


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
    spread: dict[str, list[int]] = defaultdict(list)
    for side, values in rates.items():
        spread[side] = [round(value) for value in values]
    found["rounds"] = spread
    found["machine"] = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )
    return found


if __name__ == "__main__":
    main()
