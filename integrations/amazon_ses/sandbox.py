"""Amazon SES, imitated: e-mails one by one and in bulk, quota, identities, its suppression list; events through a signed SNS topic.

Mounted at `/amazon_ses`. Signatures of requests are checked as Amazon does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from integrations.s3.sandbox_signing import NotSigned, check_signature, read_signature
from integrations.sandbox.behaviour import FailureCode, Step
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.mailbox import unsubscribe_webhook, wants_out
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.postman import RetryRule
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

from . import sandbox_sns
from .sandbox_contents import ERRORS, Wire, event_of, people_of, sender_problem, ses_error, tags_of

MOST_IN_BULK = 50
RETRY = RetryRule((20.0, 20.0, 20.0))
SUPPRESSED = (("ausente@example.com", "BOUNCE"), ("brava@example.com", "COMPLAINT"), ("sumida@example.com", "BOUNCE"))
SINCE = 1_767_614_400.0  # when those addresses came onto the list
DEFAULT_KEY = "AKIASANDBOX000000000"
OPEN = frozenset({"certificate", "confirm_subscription"})  # asked without a signature


@dataclass(slots=True)
class Account:
    """One account with the topic that its configuration set publishes to. Without `domains` any sender domain is taken for verified."""

    access_key_id: str = DEFAULT_KEY
    secret_access_key: str = "sandbox-secret-access-key"  # noqa: S105 -- guards nothing
    region: str = "sa-east-1"
    configuration_set: str = "batuta"
    topic_arn: str = "arn:aws:sns:sa-east-1:000000000000:ses-events"
    webhook_url: str = ""
    signature_version: str = "1"
    domains: tuple[str, ...] = ()
    max_24_hours: float = 50_000.0
    a_second: float = 14.0


class AmazonSesSandbox(MessagingImitation):
    """The service."""

    slug = "amazon_ses"
    title = "Amazon SES"
    failure_codes: tuple[FailureCode, ...] = (
        FailureCode("permanent", 0.8),
        FailureCode("transient", 0.1),
        FailureCode("suppressed", 0.1),
    )
    events = ("subscription",)
    routes = Routes(
        ("POST", "/v2/email/outbound-emails", "send"),
        ("POST", "/v2/email/outbound-bulk-emails", "send_bulk"),
        ("GET", "/v2/email/account", "account_quota"),
        ("POST", "/v2/email/list-identities", "list_identities"),
        ("GET", "/v2/email/identities/{identity}", "get_identity"),
        ("GET", "/v2/email/suppression/addresses", "list_suppressed"),
        ("GET", "/sns/{name}", "certificate"),
        ("GET", "/sns", "confirm_subscription"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self._sent = 0
        self._host = ""
        self.open_account({})

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return ses_error("NotFoundException")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        return ses_error("TooManyRequestsException", headers=(("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return ses_error("InternalServiceErrorException")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return ses_error(code)

    def expired_token(self, operation: str) -> Response | None:
        """Of a temporary key."""
        return None if operation in OPEN else ses_error("ExpiredTokenException")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return None if operation in OPEN else ses_error("AccessDeniedException")

    def clock_skewed(self, operation: str, request: Request, seconds: float) -> Response | None:
        """Amazon takes no signature that is more than five minutes off."""
        wrong = abs(seconds) > 300 and operation not in OPEN
        return ses_error("InvalidSignatureException", "Signature expired: the clock is wrong") if wrong else None

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register an account by its access key."""
        account = Account(**{**known_fields(Account, given), "domains": tuple(given.get("domains", ()))})
        self._accounts[account.access_key_id] = account
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(account) for account in self._accounts.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._sent = 0

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Somebody subscribes our address to the topic: SNS asks for a confirmation."""
        account = self._accounts.get(str(facts.get("account", DEFAULT_KEY)))
        if account is None:
            raise ControlRefused(f"there is no account {facts['account']}")
        self._host = str(facts.get("host", self._host))
        token = self.world.new_id(16).hex()
        asked = {"Action": "ConfirmSubscription", "TopicArn": account.topic_arn, "Token": token}
        url = f"{self._own_url}/sns?{urlencode(asked)}"
        words = f"You have chosen to subscribe to the topic {account.topic_arn}."
        self._tell(account, "SubscriptionConfirmation", {"Message": words, "SubscribeURL": url, "Token": token})
        return {"token": token}

    @property
    def _own_url(self) -> str:
        return f"http://{self._host}/{self.slug}"

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        self._host = request.headers.get("host", self._host)
        if operation == "certificate":
            known = arguments[0] == sandbox_sns.NAME
            return Response(200, sandbox_sns.certificate(), "text/plain") if known else Response(403, b"")
        if operation == "confirm_subscription":
            return self._confirm(request)
        account = self._account_of(request)
        if isinstance(account, Response):
            return account
        match operation:
            case "account_quota":
                return self._quota(account)
            case "list_identities":
                rows = [{**each, "IdentityName": name} for name, each in self._identities(account).items()]
                return _page(request, "EmailIdentities", rows)
            case "get_identity":
                found = self._identities(account).get(arguments[0])
                if found is None:
                    return ses_error("NotFoundException", f"Email identity {arguments[0]} does not exist.")
                return json_response(200, {**found, "VerifiedForSendingStatus": True, "FeedbackForwardingStatus": True})
            case "list_suppressed":
                rows = [
                    {"EmailAddress": address, "Reason": reason, "LastUpdateTime": SINCE + 3600 * place}
                    for place, (address, reason) in enumerate(SUPPRESSED)
                ]
                return _page(request, "SuppressedDestinationSummaries", rows)
        try:
            body = request.json()
        except BadBody:
            return ses_error("BadRequestException", "The body is not JSON")
        if not isinstance(body, dict):
            return ses_error("BadRequestException")
        if body.get("ConfigurationSetName") not in (None, account.configuration_set):
            return ses_error("NotFoundException", f"Configuration set <{body['ConfigurationSetName']}> does not exist.")
        if (problem := sender_problem(account.domains, body)) is not None:
            return problem
        return self._send(account, body, request) if operation == "send" else self._bulk(account, body, request)

    def _account_of(self, request: Request) -> Account | Response:
        """Whose request it is, its signature checked; or what is wrong with it."""
        try:
            signed = read_signature(request, hashlib.sha256(request.body).hexdigest())
            if signed is None:
                return ses_error("MissingAuthenticationTokenException")
            account = self._accounts.get(signed.access_key)
            if account is None:
                return ses_error("UnrecognizedClientException")
            check_signature(request, signed, account.secret_access_key, account.region, "ses")
        except NotSigned:
            return ses_error("InvalidSignatureException")
        return account

    def _send(self, account: Account, body: Mapping[str, Any], request: Request) -> Response:
        people = people_of(body.get("Destination"))
        if people is None:
            return ses_error("BadRequestException", "Illegal address")
        simple = (body.get("Content") or {}).get("Simple") or {}
        subject = (simple.get("Subject") or {}).get("Data")
        parts = simple.get("Body") or {}
        if not isinstance(subject, str) or not (parts.get("Html") or parts.get("Text")):
            return ses_error("BadRequestException", "Content is required")
        text = str((parts.get("Text") or parts.get("Html") or {}).get("Data", ""))
        message_id = self._accept(
            account, body, people[0], subject, text, tags_of(body.get("EmailTags")), simple.get("Headers"), request.body
        )
        return json_response(200, {"MessageId": message_id})

    def _bulk(self, account: Account, body: Mapping[str, Any], request: Request) -> Response:
        entries = body.get("BulkEmailEntries")
        template = ((body.get("DefaultContent") or {}).get("Template") or {}) if body.get("DefaultContent") else {}
        content = template.get("TemplateContent") or {}
        if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_IN_BULK or not content.get("Subject"):
            return ses_error("BadRequestException")
        results: list[dict[str, Any]] = []
        for entry in entries:
            people = people_of(entry.get("Destination"))
            if people is None:
                results.append({"Status": "INVALID_PARAMETER", "Error": "Illegal address", "MessageId": ""})
                continue
            text = str(content.get("Text") or content.get("Html") or "")
            tags = tags_of(entry.get("ReplacementTags"))
            headers = template.get("Headers")
            message_id = self._accept(
                account, body, people[0], str(content["Subject"]), text, tags, headers, request.body
            )
            results.append({"Status": "SUCCESS", "MessageId": message_id})
        return json_response(200, {"BulkEmailEntryResults": results})

    def _accept(
        self,
        account: Account,
        body: Mapping[str, Any],
        to: str,
        subject: str,
        text: str,
        tags: dict[str, str],
        headers: object,
        content: bytes,
    ) -> str:
        self._sent += 1
        message_id = f"{self.world.new_id(8).hex()}-{self.world.new_id(16).hex()}-000000"
        self.world.accept(
            self,
            account=account.access_key_id,
            sender=str(body["FromEmailAddress"]),
            to=to,
            provider_id=message_id,
            request_body=content,
            text=text,
            subject=subject,
            reference=tags.get("reference", ""),
            wire=Wire(
                str(body["FromEmailAddress"]),
                {**tags, "ses:configuration-set": account.configuration_set},
                {name.lower(): value for name, value in tags_of(headers).items()},
            ),
        )
        return message_id

    def _quota(self, account: Account) -> Response:
        quota = {
            "Max24HourSend": account.max_24_hours,
            "MaxSendRate": account.a_second,
            "SentLast24Hours": float(self._sent),
        }
        content = {"DedicatedIpAutoWarmupEnabled": False, "EnforcementStatus": "HEALTHY", "SendQuota": quota}
        return json_response(200, {**content, "ProductionAccessEnabled": True, "SendingEnabled": True})

    def _identities(self, account: Account) -> dict[str, dict[str, Any]]:
        names = account.domains or ("example.com", "example.org", "oi@example.net")
        return {
            name: {
                "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
                "SendingEnabled": True,
                "VerificationStatus": "SUCCESS",
            }
            for name in names
        }

    def _confirm(self, request: Request) -> Response:
        query = request.query
        account = next((each for each in self._accounts.values() if each.topic_arn == query.get("TopicArn")), None)
        if account is None or query.get("Action") != "ConfirmSubscription" or not query.get("Token"):
            return Response(400, b"<ErrorResponse/>", "text/xml")
        self.world.record_write(
            self, account=account.access_key_id, operation="confirm_subscription", reference=query["Token"]
        )
        return Response(200, b"<ConfirmSubscriptionResponse/>", "text/xml")

    # Webhooks

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Publish one step to the topic."""
        account = self._accounts.get(message.account)
        event = event_of(message, step)
        if account is not None and event is not None:
            facts = {"Message": orjson.dumps(event).decode(), "Subject": "Amazon SES Email Event Notification"}
            self._tell(account, "Notification", facts, sender=message.sender)

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """There is no inbound mail here."""
        raise ControlRefused("nobody writes back through SES here; use the resend service for inbound mail")

    def react(self, message: SandboxMessage, words: str) -> None:
        """The person leaves the list by one click if they want to and the e-mail offers it."""
        url = wants_out(words, message.wire.headers)
        if url:
            self.world.phones.note(message.to, self.world.clock.now(), self.slug, message.account, "unsubscribed")
            self.world.count(f"unsubscribed.{self.slug}")
            self.world.postman.post(unsubscribe_webhook(self.slug, message.sender, url))

    def _tell(self, account: Account, kind: str, facts: Mapping[str, Any], *, sender: str = "") -> None:
        if not account.webhook_url:
            return
        content = sandbox_sns.envelope(kind, account.topic_arn, self._own_url, account.signature_version, facts)
        headers = {"x-amz-sns-message-type": kind, "x-amz-sns-message-id": str(content["MessageId"])}
        self.send_webhook(
            account.webhook_url,
            orjson.dumps(content),
            lambda body: headers,
            sender=sender,
            content_type="text/plain; charset=UTF-8",
            retry=RETRY,
        )


def _page(request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
    """One page of a list: PageSize rows, and a token for the next."""
    asked = request.query if request.method == "GET" else request.json()
    size, start = int(asked.get("PageSize", 100)), int(asked.get("NextToken", 0))
    content: dict[str, Any] = {name: rows[start : start + size]}
    if start + size < len(rows):
        content["NextToken"] = str(start + size)
    return json_response(200, content)


IMITATIONS = (AmazonSesSandbox,)
