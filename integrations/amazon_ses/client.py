"""Sends e-mail through Amazon SES: one signed request over our own HTTP client. Everything else is boto3's, in `account`.

boto3 blocks; a thread of it for each message costs several times the processor of a signature (docs/decisions/0236). SES has no
idempotency key: the tag `reference` comes back in every event of the configuration set, so an unknown outcome is settled by that
event and never repeated.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from integrations.capabilities.messages import Accepted, OutboundMessage, Recovery
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.mail import unsubscribe_headers

SERVICE = "amazon_ses"
REGION = "sa-east-1"
SEND = "/v2/email/outbound-emails"
DEFAULT_WAIT = 1.0  # seconds: Amazon's rates are counted by the second

_ACCOUNT = frozenset(
    {
        "AccessDeniedException",
        "AccountSuspendedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "LimitExceededException",  # the quota of 24 hours
        "MailFromDomainNotVerifiedException",
        "MissingAuthenticationTokenException",
        "NotAuthorizedException",
        "SendingPausedException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_TOO_FAST = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})


class AmazonSesClient:
    """The message channel of one account in one region."""

    recovery = Recovery.CALLBACK
    dedupe_for = timedelta(0)

    def __init__(self, connection: ConnectionFacts) -> None:
        base_url = api_address(connection)
        region = connection.setting("region", REGION)
        self._http = HttpClient(base_url, service=SERVICE)
        self._url = base_url.rstrip("/") + SEND
        self._host = urlsplit(base_url).netloc
        self._configuration_set = connection.setting("configuration_set")
        credentials = Credentials(connection.setting("access_key_id"), connection.secret("secret_access_key"))
        self._signer = SigV4Auth(credentials, "ses", region)

    async def send(self, message: OutboundMessage) -> Accepted:
        """POST /v2/email/outbound-emails. Raises `integrations.errors`."""
        body = orjson.dumps(email_body(message, self._configuration_set))
        response = await self._http.request(
            "POST", SEND, operation="send", content=body, headers=self.signed_headers(body)
        )
        if not response.ok:
            raise answer_failure(response)
        found = response.json()
        provider_id = found.get("MessageId") if isinstance(found, dict) else None
        if not isinstance(provider_id, str) or not provider_id:
            raise response.surprise("the answer has no MessageId")
        return Accepted(provider_id)

    def signed_headers(self, body: bytes) -> dict[str, str]:
        """The headers that Amazon's signature, version 4, puts on one message."""
        request = AWSRequest("POST", self._url, {"content-type": "application/json", "host": self._host}, body)
        self._signer.add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items() if name.lower() != "host"}

    async def lookup(self, message: OutboundMessage) -> Accepted | None:
        """SES cannot be asked by our reference; events bring it instead."""
        return None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def api_address(connection: ConnectionFacts) -> str:
    """The API's base URL: the region's own unless the connection names another."""
    region = connection.setting("region", REGION)
    return connection.settings.get("base_url") or f"https://email.{region}.amazonaws.com"


def email_content(message: OutboundMessage) -> dict[str, Any]:
    """Subject, bodies and headers, as SES composes an e-mail itself."""
    body = {}
    if message.html:
        body["Html"] = {"Data": message.html, "Charset": "UTF-8"}
    if message.text or not message.html:
        body["Text"] = {"Data": message.text, "Charset": "UTF-8"}
    simple: dict[str, Any] = {"Subject": {"Data": message.subject, "Charset": "UTF-8"}, "Body": body}
    headers = unsubscribe_headers(message.unsubscribe_url)
    if headers:
        simple["Headers"] = [{"Name": name, "Value": value} for name, value in headers.items()]
    return {"Simple": simple}


def email_tags(message: OutboundMessage) -> list[dict[str, str]]:
    """Our reference, which comes back in every event."""
    return [{"Name": "reference", "Value": message.reference}] if message.reference else []


def email_body(message: OutboundMessage, configuration_set: str) -> dict[str, Any]:
    """The JSON body for one message."""
    body: dict[str, Any] = {
        "FromEmailAddress": message.sender,
        "Destination": {"ToAddresses": [message.to]},
        "Content": email_content(message),
        "ConfigurationSetName": configuration_set,
    }
    if tags := email_tags(message):
        body["EmailTags"] = tags
    return body


def answer_failure(response: HttpResponse) -> IntegrationError:
    """Our error for an answer that is not 2xx; its header names the error."""
    envelope = response.json_object()
    name = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    name = name or str(envelope.get("__type") or "").rpartition("#")[2]
    text = str(envelope.get("message") or envelope.get("Message") or "")
    return ses_failure(response.operation, response.status, name, text, response.headers) or response.surprise()


def ses_failure(
    operation: str, status: int, name: str, text: str, headers: Mapping[str, str]
) -> IntegrationError | None:
    """Our error for one of Amazon's; None when the answer is not Amazon's at all."""
    code = name or f"http_{status}"
    if name in _TOO_FAST or status == 429:
        if "daily" in text.lower():
            return AuthenticationFailed(SERVICE, operation, code, text)
        return RateLimited(SERVICE, operation, code, text, retry_after=_seconds(headers.get("retry-after")))
    if name in _ACCOUNT or (name == "MessageRejected" and "not verified" in text):
        return AuthenticationFailed(SERVICE, operation, code, text)
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, code, text, accepted_possible=True)
    if status in (401, 403):
        return AuthenticationFailed(SERVICE, operation, code, text)
    if not name:
        return None
    bad_address = name == "BadRequestException" and ("Illegal address" in text or "Missing final '@domain'" in text)
    return Refused(SERVICE, operation, code, text, suppress=SuppressReason.INVALID_ADDRESS if bad_address else None)


def _seconds(written: str | None) -> float:
    try:
        return max(0.0, float(written or DEFAULT_WAIT))
    except ValueError:
        return DEFAULT_WAIT


def build(connection: ConnectionFacts) -> AmazonSesClient:
    """The client for one connection. Raises `NotConfigured`."""
    return AmazonSesClient(connection)
