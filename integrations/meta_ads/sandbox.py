"""Meta's Marketing API, imitated: one tree of campaigns an account, reviews, figures, audiences, leads, and what is told of them.

Mounted at `/meta_ads`, so the base URL of a client is `http://host:port/meta_ads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import parse_qsl

from integrations.meta_graph.sandbox_graph import (
    GraphImitation,
    chosen,
    page,
    refused,
    structure,
)
from integrations.sandbox.imitation import ControlRefused, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import Request, Response, json_response
from integrations.sandbox.world import World

from .sandbox_figures import Run
from .sandbox_news import News
from .sandbox_state import SandboxAdAccount, State, account_row, dated, page_token
from .sandbox_tree import Bad, taken

ROWS_A_PAGE = 2  # of an edge; Meta's pages may be shorter than what was asked for
FIGURES_A_PAGE = 25
CREATES = {"create_campaign": "campaign", "create_ad_set": "adset", "create_creative": "creative", "create_ad": "ad"}
LISTS = {"list_campaigns": "campaign", "list_ad_sets": "adset", "list_ads": "ad", "list_creatives": "creative"}
WRITES = {
    "upload_image",
    "update",
    "update_many",
    "copy",
    "start_report",
    "create_audience",
    "add_people",
    "remove_people",
} | {
    *CREATES,
    "subscribe_app",
    "subscribe_account",
    "subscribe_page",
}


class MetaAdsSandbox(GraphImitation):
    """The service."""

    slug = "meta_ads"
    title = "Meta Marketing API"
    usage_type = "ads_management"
    routes = Routes(
        ("POST", "/v[0-9.]+", "update_many"),
        ("POST", "/v[0-9.]+/{account}/campaigns", "create_campaign"),
        ("POST", "/v[0-9.]+/{account}/adsets", "create_ad_set"),
        ("POST", "/v[0-9.]+/{account}/adcreatives", "create_creative"),
        ("POST", "/v[0-9.]+/{account}/ads", "create_ad"),
        ("POST", "/v[0-9.]+/{account}/adimages", "upload_image"),
        ("POST", "/v[0-9.]+/{account}/customaudiences", "create_audience"),
        ("POST", "/v[0-9.]+/{account}/insights", "start_report"),
        ("POST", "/v[0-9.]+/{app}/subscriptions", "subscribe_app"),
        ("POST", "/v[0-9.]+/{account}/subscribed_apps", "subscribe_account"),
        ("POST", "/v[0-9.]+/{object}/copies", "copy"),
        ("POST", "/v[0-9.]+/{audience}/users", "add_people"),
        ("DELETE", "/v[0-9.]+/{audience}/users", "remove_people"),
        ("POST", "/v[0-9.]+/{object}", "update"),
        ("GET", "/v[0-9.]+/{object}/campaigns", "list_campaigns"),
        ("GET", "/v[0-9.]+/{object}/adsets", "list_ad_sets"),
        ("GET", "/v[0-9.]+/{object}/ads", "list_ads"),
        ("GET", "/v[0-9.]+/{account}/adcreatives", "list_creatives"),
        ("GET", "/v[0-9.]+/{account}/adimages", "list_images"),
        ("GET", "/v[0-9.]+/{account}/customaudiences", "list_audiences"),
        ("GET", "/v[0-9.]+/{object}/insights", "insights"),
        ("GET", "/v[0-9.]+/{page}/leadgen_forms", "list_lead_forms"),
        ("GET", "/v[0-9.]+/{form}/leads", "list_leads"),
        ("GET", "/v[0-9.]+/{object}", "object"),
    )
    events = ("ad_disapproved", "ad_with_issues", "creative_fatigue", "account_disabled", "lead")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._states: dict[str, State] = {}
        self._news = News(self)
        self.open_account({})

    @property
    def operations(self) -> tuple[str, ...]:
        """See Imitation: some are known by what the id in the path is, not by the path."""
        return (*self.routes.operations, "account", "report_run", "report_insights", "lead", "page", "subscribe_page")

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """See Imitation."""
        found = self.routes.match(request.method, path)
        if found is None or not found[1]:
            return found
        operation, arguments = found
        state = self._state_of(arguments[0])
        if state is None:
            return found
        named, asked = arguments[0], state.account
        if operation == "object":
            kinds = {asked.ad_account_id: "account", asked.page_id: "page"}
            kinds |= dict.fromkeys(state.figures.runs, "report_run") | dict.fromkeys(state.people.leads, "lead")
            return kinds.get(named, operation), arguments
        if operation == "insights" and named in state.figures.runs:
            return "report_insights", arguments
        if operation == "subscribe_account" and named == asked.page_id:
            return "subscribe_page", arguments
        return found

    def secret_of(self, token: str) -> str | None:
        """See GraphImitation: tokens of a system user, of an app (`id|secret`) and of a page."""
        for state in self._states.values():
            account = state.account
            known = {account.access_token, f"{account.app_id}|{account.app_secret}", page_token(account)}
            if token in known:
                return account.app_secret
        return None

    def act(self, operation: str, arguments: tuple[str, ...], request: Request, given: dict[str, str]) -> Response:
        """See GraphImitation."""
        state = self._state_of(arguments[0]) if arguments else next(iter(self._states.values()))
        if state is None:
            return refused("100/33")
        now = self.world.clock.now()
        kind = self._kind(operation)
        account_number = state.account.ad_account_id.removeprefix("act_")
        if problem := state.meter.problem(now, kind, account_number):
            return problem
        state.meter.count(now, 3 if operation in WRITES else 1)
        try:
            response = self._act(state, operation, arguments, request, given)
        except Bad as bad:
            response = bad.response
        response.headers += state.meter.headers(kind, account_number)
        return response

    def _act(
        self, state: State, operation: str, arguments: tuple[str, ...], request: Request, given: dict[str, str]
    ) -> Response:
        fields = given.get("fields", "")
        match operation:
            case "account":
                return json_response(200, chosen(account_row(state.account), fields))
            case "page":
                return json_response(
                    200, chosen({"id": state.account.page_id, "access_token": page_token(state.account)}, fields)
                )
            case "report_run":
                run = state.figures.runs[arguments[0]]
                elapsed = (self.world.clock.now() - run.began) * self.world.clock.scale
                return json_response(200, state.figures.progress(run, elapsed))
            case "report_insights":
                return self._report(state, arguments[0], request, given)
            case "insights":
                return page(state.figures.rows(given), request, given, FIGURES_A_PAGE)
            case "lead":
                return json_response(200, chosen(dated(state.people.leads[arguments[0]]), fields))
            case "object":
                thing = state.tree.things.get(arguments[0])
                return (
                    json_response(200, chosen(dated(state.tree.shown(thing)), fields)) if thing else refused("100/33")
                )
        if operation in LISTS or operation.startswith("list_"):
            rows = self._listed(state, operation, arguments[0], given)
            return page([chosen(dated(row), fields) for row in rows], request, given, ROWS_A_PAGE)
        if operation in CREATES:
            return self._create(state, CREATES[operation], operation, given)
        return self._write(state, operation, arguments, request, given)

    def _listed(
        self, state: State, operation: str, parent: str, given: Mapping[str, str]
    ) -> Iterable[Mapping[str, Any]]:
        match operation:
            case "list_images":
                return list(state.tree.images.values())
            case "list_audiences":
                return [audience.row() for audience in state.people.audiences.values()]
            case "list_lead_forms":
                return [state.people.form()]
            case "list_leads":
                return state.people.leads_since(given)
        below = "" if parent == state.account.ad_account_id else parent
        wanted = structure(given, "effective_status") or []
        since = int(given.get("updated_since") or 0)
        rows = [state.tree.shown(thing) for thing in state.tree.of_level(LISTS[operation], below)]
        return [
            row for row in rows if (not wanted or row["effective_status"] in wanted) and row["updated_time"] >= since
        ]

    # Writing

    def _create(self, state: State, level: str, operation: str, given: Mapping[str, str]) -> Response:
        if "validate_only" in (structure(given, "execution_options") or ()):
            state.tree.checked(level, given)
            return json_response(200, {"success": True})
        thing = state.tree.make(level, given, self.world.clock.now())
        self._record(state, operation, thing.row["name"], given, thing.id)
        if level == "ad":
            self._news.review_later(state, thing)
        return taken(thing)

    def _write(
        self, state: State, operation: str, arguments: tuple[str, ...], request: Request, given: dict[str, str]
    ) -> Response:
        now = self.world.clock.now()
        match operation:
            case "update":
                return self._update(state, arguments[0], given)
            case "update_many":
                return self._batch(request, given)
            case "copy":
                return self._copy(state, arguments[0], given)
            case "upload_image":
                image = state.tree.put_image(given.get("bytes", ""), given.get("name", ""))
                self._record(state, operation, image["name"], {"name": image["name"]}, image["hash"])
                return json_response(200, {"images": {"bytes": image}})
            case "start_report":
                state.figures.rows(given, most=100_000)
                run = Run(str(int.from_bytes(self.world.new_id(6), "big")), dict(given), now)
                state.figures.runs[run.id] = run
                self._record(state, operation, given.get("level", ""), given, run.id)
                return json_response(200, {"report_run_id": run.id})
            case "create_audience":
                audience = state.people.put_audience(given)
                self._record(state, operation, audience.name, given, audience.id)
                return json_response(200, {"id": audience.id})
            case "add_people" | "remove_people":
                if arguments[0] not in state.people.audiences:
                    return refused("100/33")
                found = state.people.audiences[arguments[0]]
                answer = state.people.change_people(found, given, remove=operation == "remove_people")
                self._record(state, operation, found.name, given, found.id)
                return json_response(200, answer)
        return self._subscribe(state, operation, request, given)

    def _update(self, state: State, object_id: str, given: Mapping[str, str]) -> Response:
        thing = state.tree.things.get(object_id)
        if thing is None:
            return refused("100/33")
        state.tree.change(thing, given, self.world.clock.now())
        self._record(state, "update", object_id, given, object_id)
        if "creative" in given:
            self._news.review_later(state, thing)
        return json_response(200, {"success": True})

    def _batch(self, request: Request, given: Mapping[str, str]) -> Response:
        items = structure(given, "batch")
        if not isinstance(items, list) or not items:
            return refused("100", "(#100) The parameter batch must be a list of requests")
        if len(items) > 50:
            return refused("100", "Too many requests in batch message. Maximum batch size is 50")
        answers = []
        for item in items:
            body = str(item.get("body", ""))
            version = request.path.strip("/").partition("/")[2].partition("/")[0] or "v26.0"
            inner = replace(request, method=str(item["method"]), body=body.encode(), query_string="")
            route = self.match(inner, f"/{version}/{str(item['relative_url']).partition('?')[0]}")
            response = self.act(*route, inner, dict(parse_qsl(body))) if route else self.unknown_route(inner)
            answers.append({"code": response.status, "headers": [], "body": response.body.decode()})
        return json_response(200, answers)

    def _copy(self, state: State, source_id: str, given: Mapping[str, str]) -> Response:
        source = state.tree.things.get(source_id)
        if source is None or source.level == "creative":
            return refused("100/33")
        suffix = str((structure(given, "rename_options") or {}).get("rename_suffix", ""))
        is_deep = given.get("deep_copy") == "true"
        pairs = state.tree.copy(source, given.get("status_option", "PAUSED"), suffix, is_deep, self.world.clock.now())
        self._record(state, "copy", source_id, given, pairs[0][1].id)
        for _old, new in pairs:
            if new.level == "ad":
                self._news.review_later(state, new)
        objects = [{"ad_object_type": old.level, "source_id": old.id, "copied_id": new.id} for old, new in pairs]
        return json_response(200, {f"copied_{source.level}_id": pairs[0][1].id, "ad_object_ids": objects})

    def _report(self, state: State, run_id: str, request: Request, given: Mapping[str, str]) -> Response:
        run = state.figures.runs[run_id]
        elapsed = (self.world.clock.now() - run.began) * self.world.clock.scale
        if state.figures.progress(run, elapsed)["async_percent_completion"] < 100:
            return refused("2", "The report is not ready yet", subcode=1504022)
        return page(state.figures.rows(run.given, most=100_000), request, given, FIGURES_A_PAGE)

    def _subscribe(self, state: State, operation: str, request: Request, given: Mapping[str, str]) -> Response:
        account = state.account
        if operation == "subscribe_app":
            if request.bearer != f"{account.app_id}|{account.app_secret}":
                return refused("100", "(#15) This method must be called with an app access_token.")
            names = set(given.get("fields", "").split(","))
            if not given.get("callback_url") or not given.get("verify_token") or not given.get("object"):
                return refused("100", "(#100) object, callback_url and verify_token are required")
            state.topics[given["object"]] = (given["callback_url"], names)
        elif operation == "subscribe_page" and request.bearer != page_token(account):
            return refused("190", "(#210) A page access token is required to request this resource.")
        else:
            state.subscribed.add("page" if operation == "subscribe_page" else "ad_account")
        self._record(state, operation, given.get("object", ""), given)
        return json_response(200, {"success": True})

    def _record(self, state: State, operation: str, name: str, given: Mapping[str, str], made: str = "") -> None:
        account = state.account.ad_account_id
        self.world.record_write(
            self, account=account, operation=operation, reference=name, body=dict(given), provider_id=made
        )

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """See News."""
        state = self._state_of(str(facts.get("account", next(iter(self._states)))))
        if state is None:
            raise ControlRefused("there is no such ad account")
        return self._news.happen(state, event, facts)

    # Accounts

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        account = SandboxAdAccount(**known_fields(SandboxAdAccount, given))
        self._states[account.ad_account_id] = State(account, self.world.settings.seed)
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(state.account) for state in self._states.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._states = {key: State(state.opened, self.world.settings.seed) for key, state in self._states.items()}

    def _state_of(self, object_id: str) -> State | None:
        """The account that knows an id."""
        for key, state in self._states.items():
            account = state.account
            own = {key, account.page_id, account.form_id, account.app_id}
            if object_id in own or any(
                object_id in known
                for known in (state.tree.things, state.figures.runs, state.people.audiences, state.people.leads)
            ):
                return state
        return None

    @staticmethod
    def _kind(operation: str) -> str:
        if operation in ("insights", "start_report", "report_run", "report_insights"):
            return "ads_insights"
        return (
            "custom_audience" if operation in ("create_audience", "add_people", "remove_people") else "ads_management"
        )


IMITATIONS = (MetaAdsSandbox,)
