"""What every imitated part of the Graph API does alike: tokens, error envelope, usage headers, fields, cursors, signed webhooks."""

from __future__ import annotations

import abc
import base64
import hashlib
import hmac
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

import orjson

from integrations.meta_graph.webhook import signature
from integrations.sandbox.imitation import Imitation
from integrations.sandbox.postman import RetryRule
from integrations.sandbox.wire import BadBody, Request, Response, json_response

# Meta tries again at once, then less and less often, for 36 hours.
RETRY = RetryRule((0.0, 2.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 19 * 3600.0))
TOKEN = "sandbox-meta-token"  # noqa: S105 -- guards nothing
APP_SECRET = "sandbox-app-secret"  # noqa: S105 -- guards nothing
VERIFY_TOKEN = "sandbox-verify-token"  # noqa: S105 -- guards nothing
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class GraphError:
    """One code: HTTP status and Meta's sentence."""

    status: int
    message: str
    subcode: int | None = None
    is_transient: bool = False


ERRORS: Mapping[str, GraphError] = {
    "1": GraphError(500, "An unknown error occurred", is_transient=True),
    "2": GraphError(500, "Service temporarily unavailable", 1504044, is_transient=True),
    "4": GraphError(400, "Application request limit reached", 1504022, is_transient=True),
    "10": GraphError(403, "(#10) Application does not have permission for this action"),
    "17": GraphError(400, "User request limit reached", 2446079, is_transient=True),
    "100": GraphError(400, "Invalid parameter"),
    "100/33": GraphError(400, "Unsupported request. The object does not exist or cannot be loaded", 33),
    "100/1487534": GraphError(
        400, "Please reduce the amount of data you're asking for, then retry your request", 1487534
    ),
    "102": GraphError(400, "Session key invalid or no longer valid"),
    "190": GraphError(401, "Error validating access token: Session has expired", 463),
    "200": GraphError(403, "(#200) The permission(s) ads_management must be granted before it can be used"),
    "341": GraphError(400, "Feed action request limit reached"),
    "368": GraphError(403, "The action attempted has been deemed abusive or is otherwise disallowed"),
    "506": GraphError(400, "Duplicate status message"),
    "613": GraphError(400, "Calls to this api have exceeded the rate limit", 1487742),
    "2635": GraphError(400, "(#2635) You are calling a deprecated version of the Ads API"),
    "80000": GraphError(400, "There have been too many calls to this ad-account's insights", 2446079),
    "80003": GraphError(400, "There have been too many calls to this ad-account's custom audiences", 2446079),
    "80004": GraphError(400, "There have been too many calls to this ad-account", 2446079),
    "80005": GraphError(400, "There have been too many leadgen api calls to this Page account"),
}


class GraphImitation(Imitation):
    """A part of the Graph API. `usage_type` is the business use case that its calls count for."""

    sends_webhooks = True
    usage_type: ClassVar[str]

    # To be said by each part

    @abc.abstractmethod
    def secret_of(self, token: str) -> str | None:
        """The app secret that a token belongs to; None for an unknown token."""

    @abc.abstractmethod
    def act(self, operation: str, arguments: tuple[str, ...], request: Request, given: dict[str, str]) -> Response:
        """Do what a request with a good token says."""

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        try:
            given = fields_of(request)
        except BadBody:
            return refused("100", "(#100) The body cannot be read")
        token = token_of(request, given)
        secret = self.secret_of(token) if token else None
        if secret is None:
            return refused("190", "Invalid OAuth access token - Cannot parse access token", subcode=467)
        proof = hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.pop("appsecret_proof", "").encode(), proof.encode()):
            return refused("100", "Invalid appsecret_proof provided in the API argument")
        return self.act(operation, arguments, request, given)

    # Its own way to fail

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return refused("100", f"Unknown path components: {request.path}")

    def rate_limited(self, retry_after: float) -> Response:
        """Too many calls: no Retry-After, but minutes in the usage header."""
        return limited("80004", self.usage_type, "0", max(1, math.ceil(retry_after / 60)))

    def broken(self) -> Response:
        """See Imitation."""
        return refused("2")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return refused(code)

    def error_in_success(self, operation: str) -> Response | None:
        """Graph does it now and then."""
        return json_response(200, orjson.loads(refused("2").body))

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return refused("190")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return refused("200")

    # What it tells

    def tell(
        self,
        url: str,
        app_secret: str,
        topic: str,
        entry_id: str,
        changes: Sequence[Mapping[str, Any]],
        *,
        after: float = 0.0,
    ) -> bool:
        """Send one signed webhook with changes of one object of Meta's `object` kind."""
        entry = {"id": entry_id, "time": int(self.world.clock.now()), "changes": list(changes)}
        body = orjson.dumps({"object": topic, "entry": [entry]})
        headers = {"x-hub-signature-256": signature(app_secret, body)}
        return self.send_webhook(url, body, lambda _body: headers, sender=entry_id, after=after, retry=RETRY)


class Meter:
    """What one account has used of its hour: reads weigh 1, writes 3. `hourly` calls are its quota, `burst` its score at one time."""

    def __init__(self, hourly: int, burst: int) -> None:
        self._hourly, self._burst = hourly, burst
        self._began = 0.0
        self._used = 0

    def count(self, now: float, weight: int) -> None:
        """Note a call at a provider time in seconds."""
        if now - self._began >= HOUR:
            self._began, self._used = now, 0
        self._used += weight

    def problem(self, now: float, usage_type: str, account: str) -> Response | None:
        """The refusal of the next call, if the account has none left."""
        if now - self._began >= HOUR:
            return None
        if self._used >= self._hourly:
            code = {"ads_insights": "80000", "custom_audience": "80003"}.get(usage_type, "80004")
            return limited(code, usage_type, account, math.ceil((self._began + HOUR - now) / 60))
        return refused("17") if self._used >= self._burst else None

    def headers(self, usage_type: str, account: str) -> tuple[tuple[str, str], ...]:
        """How full it is, as each answer says."""
        percent = min(100, self._used * 100 // self._hourly)
        utilised = min(100.0, round(self._used * 100 / self._burst, 2))
        tier = {"ads_api_access_tier": "standard_access"}
        return (
            ("x-business-use-case-usage", _usage(usage_type, account, percent, 0)),
            (
                "x-ad-account-usage",
                orjson.dumps({"acc_id_util_pct": utilised, "reset_time_duration": 0, **tier}).decode(),
            ),
        )


def refused(code: str, message: str = "", *, subcode: int | None = None, user_message: str = "") -> Response:
    """The Graph API's error envelope for a code of `ERRORS`."""
    known = ERRORS[code]
    error: dict[str, Any] = {
        "message": message or known.message,
        "type": "OAuthException",
        "code": int(code.partition("/")[0]),
        "is_transient": known.is_transient,
        "fbtrace_id": "A" + hashlib.sha256(f"{code}{message}".encode()).hexdigest()[:22],
    }
    if (number := subcode or known.subcode) is not None:
        error["error_subcode"] = number
    if user_message:
        error["error_user_msg"] = user_message
    return json_response(known.status, {"error": error})


def limited(code: str, usage_type: str, account: str, minutes: int) -> Response:
    """The refusal of a use case that is used up, with the minutes to wait."""
    response = refused(code)
    response.headers = (("x-business-use-case-usage", _usage(usage_type, account, 100, minutes)),)
    return response


def _usage(usage_type: str, account: str, percent: int, minutes: int) -> str:
    entry = {"type": usage_type, "call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    entry |= {"estimated_time_to_regain_access": minutes, "ads_api_access_tier": "standard_access"}
    return orjson.dumps({account: [entry]}).decode()


def fields_of(request: Request) -> dict[str, str]:
    """All parameters, from the query and from a form. Raises BadBody."""
    given = dict(request.query)
    kind = request.headers.get("content-type", "")
    if request.body and kind.startswith("multipart/form-data"):
        given |= {part.name: part.body.decode("utf-8", "replace") for part in request.parts() if not part.filename}
    elif request.body:
        given |= dict(request.form())
    return given


def token_of(request: Request, given: dict[str, str]) -> str:
    """The token of a header or of a parameter, which is taken out."""
    written = given.pop("access_token", "")
    return request.bearer or written


def structure(given: Mapping[str, str], name: str) -> Any:
    """A parameter in JSON; None when it is missing or is none."""
    try:
        return orjson.loads(given[name]) if given.get(name) else None
    except orjson.JSONDecodeError:
        return None


def chosen(row: Mapping[str, Any], fields: str) -> dict[str, Any]:
    """The fields that were asked for, and the id; without a wish the id alone."""
    wanted = {"id", *top_names(fields)}
    return {name: value for name, value in row.items() if name in wanted and value is not None}


def top_names(fields: str) -> Iterable[str]:
    """The outermost names of a list of fields such as `id,creative{id,name}`."""
    depth, name = 0, ""
    for each in f"{fields},":
        if each == "," and not depth:
            if name.strip():
                yield name.strip()
            name = ""
            continue
        depth += {"{": 1, "}": -1}.get(each, 0)
        if not depth and each != "}":
            name += each


def page(rows: Sequence[Mapping[str, Any]], request: Request, given: Mapping[str, str], most: int) -> Response:
    """One page of an edge with its cursors; `next` is missing on the last."""
    start = _place(given.get("after", ""))
    limit = min(most, int(given["limit"]) if given.get("limit", "").isdecimal() else 25)
    shown = rows[start : start + limit]
    content: dict[str, Any] = {"data": shown}
    if shown:
        cursors = {"before": _cursor(start), "after": _cursor(start + len(shown))}
        content["paging"] = {"cursors": cursors}
        if start + limit < len(rows):
            query = urlencode(
                {**{name: value for name, value in given.items() if name != "after"}, "after": cursors["after"]}
            )
            content["paging"]["next"] = (
                f"https://graph.facebook.com{request.path.partition('/v')[1]}{request.path.partition('/v')[2]}?{query}"
            )
    return json_response(200, content)


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"place:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")[2])
    except ValueError:
        return 0
