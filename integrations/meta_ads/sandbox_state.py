"""What one imitated ad account is, and all that clients did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.meta_graph.sandbox_graph import APP_SECRET, TOKEN, VERIFY_TOKEN, Meter

from .sandbox_figures import Figures
from .sandbox_people import People
from .sandbox_tree import Tree

TIMES = ("created_time", "updated_time")


@dataclass(slots=True)
class SandboxAdAccount:
    """One ad account with its app and its page. `hourly_calls` and `burst` are how much it may be asked."""

    ad_account_id: str = "act_1000000000000001"
    name: str = "Loja"
    access_token: str = TOKEN
    app_secret: str = APP_SECRET
    app_id: str = "900000000000001"
    verify_token: str = VERIFY_TOKEN
    page_id: str = "400000000000001"
    form_id: str = "500000000000001"
    currency: str = "BRL"
    time_zone: str = "America/Sao_Paulo"
    account_status: int = 1
    disable_reason: int = 0
    amount_spent: str = "1234567"
    spend_cap: str = "0"
    webhook_url: str = ""
    hourly_calls: int = 100_000
    burst: int = 9_000


class State:
    """What clients did to one account."""

    def __init__(self, account: SandboxAdAccount, seed: str) -> None:
        number = account.ad_account_id.removeprefix("act_")
        self.opened, self.account = account, replace(account)
        self.tree = Tree(number, seed)
        self.figures = Figures(self.tree, number, account.time_zone, seed)
        self.people = People(number, account.page_id, account.form_id)
        self.meter = Meter(account.hourly_calls, account.burst)
        self.topics: dict[str, tuple[str, set[str]]] = {}  # topic → callback address, fields
        self.subscribed: set[str] = set()


def account_row(account: SandboxAdAccount) -> dict[str, Any]:
    """The account as Meta shows it."""
    return {
        "id": account.ad_account_id,
        "name": account.name,
        "account_status": account.account_status,
        "disable_reason": account.disable_reason,
        "currency": account.currency,
        "timezone_name": account.time_zone,
        "balance": "4530",
        "amount_spent": account.amount_spent,
        "spend_cap": account.spend_cap,
        "is_prepay_account": False,
        "funding_source_details": {"id": "1", "display_string": "Visa *1234", "type": 1},
    }


def page_token(account: SandboxAdAccount) -> str:
    """The token of the account's page."""
    return f"page-{account.page_id}"


def dated(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its times as Meta writes them."""
    found = dict(row)
    for name in TIMES:
        if isinstance(found.get(name), int):
            found[name] = datetime.fromtimestamp(found[name], UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    return found
