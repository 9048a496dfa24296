"""The ad account that a connection is for, its currency, and who may tell us what happens there."""

from collections.abc import Sequence
from decimal import Decimal

from integrations.facts import ConnectionFacts
from integrations.meta_ads.money import from_units, to_units
from integrations.meta_ads.records import AdAccount
from integrations.meta_graph.client import Graph, Row

FIELDS = (
    "id,name,account_status,disable_reason,currency,timezone_name,balance,amount_spent,spend_cap,"
    "is_prepay_account,funding_source_details"
)


class AccountCalls:
    """The account's own operations, and what the groups of operations beside this one stand on."""

    def __init__(self, connection: ConnectionFacts) -> None:
        """Raises `NotConfigured`."""
        self._connection = connection
        self._graph = Graph(connection)
        self._account_id = "act_" + connection.setting("ad_account_id").removeprefix("act_")
        self._known_currency = ""

    @property
    def page_id(self) -> str:
        """The page whose lead forms belong to the account; empty where the connection names none."""
        return self._connection.settings.get("page_id", "")

    def account(self) -> AdAccount:
        """Status, currency, time zone and what was spent."""
        return self._read_account("account")

    def look(self) -> AdAccount:
        """The same as `account`, for the health check."""
        return self._read_account("health")

    def subscribe_app(self, topic: str, fields: Sequence[str], callback_url: str) -> None:
        """Let Meta tell our address about `fields` of a topic (ad_account, page, application). Once an app; needs the app's id."""
        token = f"{self._connection.setting('app_id')}|{self._connection.secret('app_secret')}"
        params = {
            "object": topic,
            "fields": ",".join(fields),
            "callback_url": callback_url,
            "verify_token": self._connection.secret("verify_token"),
            "include_values": True,
        }
        path = (self._connection.setting("app_id"), "subscriptions")
        answer = self._graph.calls.run(
            "subscribe_app",
            lambda seconds: self._graph.ask("subscribe_app", "POST", path, params, seconds, token=token),
        )
        self._graph.done("subscribe_app", answer)

    def subscribe_account(self) -> None:
        """Let the app hear of this account. Without it nothing comes, whatever `subscribe_app` asked for."""
        params = {"app_id": self._connection.settings.get("app_id") or None}
        answer = self._graph.post("subscribe_account", self._account_id, "subscribed_apps", params=params)
        self._graph.done("subscribe_account", answer)

    def subscribe_page(self, page_id: str, fields: Sequence[str] = ("leadgen",)) -> None:
        """Let the app hear of a page's leads. Takes the page's own token, which is asked for first."""

        def subscribe(seconds: float) -> Row:
            page = self._graph.ask("subscribe_page", "GET", (page_id,), {"fields": "access_token"}, seconds / 2)
            token = self._graph.text("subscribe_page", page, "access_token")
            params = {"subscribed_fields": ",".join(fields)}
            path = (page_id, "subscribed_apps")
            return self._graph.ask("subscribe_page", "POST", path, params, seconds / 2, token=token)

        self._graph.done("subscribe_page", self._graph.calls.run("subscribe_page", subscribe))

    # Money

    @property
    def _currency(self) -> str:
        """The account's currency, which never changes: asked for once."""
        if not self._known_currency:
            self._known_currency = self.account().currency
        return self._known_currency

    def _units(self, amount: Decimal | None) -> int | None:
        """An amount as Meta takes it. Raises ValueError."""
        return None if amount is None else to_units(amount, self._currency)

    def _amount(self, operation: str, row: Row, name: str, currency: str = "") -> Decimal | None:
        """An amount as Meta writes it; None where it is missing or "0": Meta's way to say that there is no budget or cap."""
        if row.get(name) in (None, "", "0", 0):
            return None
        return from_units(self._graph.number(operation, row, name), currency or self._currency)

    def _read_account(self, operation: str) -> AdAccount:
        row = self._graph.get(operation, self._account_id, params={"fields": FIELDS})
        currency = self._graph.text(operation, row, "currency")
        funding = row.get("funding_source_details")
        return AdAccount(
            id=self._graph.text(operation, row, "id"),
            name=self._graph.text(operation, row, "name"),
            status=self._graph.number(operation, row, "account_status"),
            disable_reason=self._graph.number(operation, row, "disable_reason"),
            currency=currency,
            time_zone=self._graph.text(operation, row, "timezone_name"),
            balance=from_units(self._graph.number(operation, row, "balance"), currency),
            spent=from_units(self._graph.number(operation, row, "amount_spent"), currency),
            spend_cap=self._amount(operation, row, "spend_cap", currency),
            is_prepaid=row.get("is_prepay_account") is True,
            funding=str(funding.get("display_string") or "") if isinstance(funding, dict) else "",
        )
