"""The generated page about all services, from their manifests."""

from django.utils.translation import override

from integrations.manifest import Manifest
from integrations.registry import manifests

HEADER = """# External services

Generated from `integrations/*/manifest.py` by `python manage.py check_integrations --write`; do not edit.
Each service answers for ten checks: ✔ is done, a number is an exemption, explained below its table.

"""


def services_page() -> str:
    """docs/services.md as it should be."""
    with override("en"):
        return HEADER + "\n".join(_section(manifest) for manifest in manifests().values())


def _section(manifest: Manifest) -> str:
    lines = [
        f"## {manifest.title}",
        "",
        f"{manifest.purpose} `{manifest.slug}`, channels: {', '.join(manifest.channels) or 'none'}. "
        f"[Documentation]({manifest.docs_url})",
        "",
        "| setting | purpose | secret | required | default |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{item.name}` | {item.title}: {item.purpose} | {_yes(item.secret)} | {_yes(item.required)} | {item.default} |"
        for item in manifest.settings
    ]
    lines += ["", "| limit |", "|---|", *(f"| {limit} |" for limit in manifest.rate_limits)]
    lines += ["", "| cost of one | amount | note |", "|---|---|---|"]
    lines += [
        f"| {cost.unit if cost.per == 1 else f'{cost.unit} × {cost.per:,}'} | {cost.amount} {cost.currency} | {cost.note} |"
        for cost in manifest.costs
    ]
    reasons: list[str] = []
    cells = []
    for _name, check in manifest.checks.items():
        if check.why and check.why not in reasons:
            reasons.append(check.why)
        cells.append("✔" if check.is_done else str(reasons.index(check.why) + 1))
    names = [name.replace("_", " ") for name, _check in manifest.checks.items()]
    lines += ["", f"| {' | '.join(names)} |", "|" + "---|" * len(names), f"| {' | '.join(cells)} |", ""]
    lines += [f"{number}. {reason}" for number, reason in enumerate(reasons, start=1)]
    if reasons:
        lines.append("")
    if manifest.webhook:
        lines += [f"Webhook: `/webhooks/{manifest.slug}/<key>`. {manifest.webhook_help}", ""]
    if manifest.polls:
        asked = "; ".join(f"every {poll.minutes} minutes {poll.finds}" for poll in manifest.polls)
        lines += [f"Webhooks may be lost, so the service is also asked: {asked}.", ""]
    return "\n".join(lines)


def _yes(value: bool) -> str:
    return "yes" if value else ""
