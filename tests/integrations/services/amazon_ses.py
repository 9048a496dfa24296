"""Amazon SES."""

from datetime import UTC, datetime, timedelta

from integrations.amazon_ses.account import AccountQuota, AmazonSesAccount, BulkResult, Identity, SuppressedAddress
from integrations.amazon_ses.client import AmazonSesClient
from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.sandbox.control import SandboxControl
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import Case, Contract, connection, equals

KEY = "AKIASANDBOX000000000"
SINCE = datetime(2026, 1, 5, 12, tzinfo=UTC)


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    secrets = {"secret_access_key": "sandbox-secret-access-key"}
    return connection("amazon_ses", sandbox, secrets, access_key_id=KEY, configuration_set="batuta")


def message(number: int = 1, to: str = "") -> OutboundMessage:
    return OutboundMessage(
        reference=str(4710 + number),
        idempotency_key=f"job-1.contact-{number}.step-1",
        to=to or f"ana{number}@example.com",
        sender="Loja Ana <loja@example.com>",
        subject="Novidades para você",
        text="Olá, Ana",
        html="<p>Olá, Ana</p>",
        unsubscribe_url="https://batuta.example.com/u/token",
    )


def quiet(control: SandboxControl) -> None:
    control.reset()
    control.set_outcomes({message(number).to: {"last": "accepted"} for number in (1, 2)})


async def send(client: AmazonSesClient) -> Accepted:
    return await client.send(message())


def accepted(found: Accepted) -> None:
    assert found.provider_id.endswith("-000000")


def bulk(account: AmazonSesAccount) -> list[BulkResult]:
    return account.send_bulk([message(1)])


def sent(results: list[BulkResult]) -> None:
    assert [each.status for each in results] == ["SUCCESS"]
    assert results[0].accepted is not None
    accepted(results[0].accepted)


QUOTA = AccountQuota(50_000.0, 14.0, 0.0, True, True, "HEALTHY")
QUOTA_FIELDS = (
    "SendQuota",
    "SendQuota.Max24HourSend",
    "SendQuota.MaxSendRate",
    "SendQuota.SentLast24Hours",
    "SendingEnabled",
    "ProductionAccessEnabled",
    "EnforcementStatus",
)

CONTRACT = Contract(
    slug="amazon_ses",
    connect=facts,
    refused_operation="send",
    refusals={
        "AccessDeniedException": AuthenticationFailed,
        "AccountSuspendedException": AuthenticationFailed,
        "BadRequestException": Refused,
        "InternalServiceErrorException": TemporaryFailure,
        "InvalidSignatureException": AuthenticationFailed,
        "LimitExceededException": AuthenticationFailed,
        "MailFromDomainNotVerifiedException": AuthenticationFailed,
        "MessageRejected": Refused,
        "NotFoundException": Refused,
        "SendingPausedException": AuthenticationFailed,
        "TooManyRequestsException": RateLimited,
        "UnrecognizedClientException": AuthenticationFailed,
    },
    cases=(
        Case("send", send, accepted, required=("MessageId",), prepare=quiet, repeated_by_caller=True),
        Case(
            "send_bulk",
            bulk,
            sent,
            required=("BulkEmailEntryResults", "BulkEmailEntryResults[].Status", "BulkEmailEntryResults[].MessageId"),
            prepare=quiet,
            module="account",
        ),
        Case(
            "account_quota",
            lambda account: account.account_quota(),
            equals(QUOTA),
            required=QUOTA_FIELDS,
            prepare=quiet,
            module="account",
            is_live=True,
        ),
        Case(
            "list_identities",
            lambda account: account.list_identities(page=2),
            equals(
                [
                    Identity("example.com", "DOMAIN", True, "SUCCESS"),
                    Identity("example.org", "DOMAIN", True, "SUCCESS"),
                    Identity("oi@example.net", "EMAIL_ADDRESS", True, "SUCCESS"),
                ]
            ),
            required=tuple(
                f"EmailIdentities{rest}"
                for rest in ("", "[].IdentityName", "[].IdentityType", "[].SendingEnabled", "[].VerificationStatus")
            ),
            module="account",
            is_live=True,
        ),
        Case(
            "get_identity",
            lambda account: account.get_identity("oi@example.net"),
            equals(Identity("oi@example.net", "EMAIL_ADDRESS", True, "SUCCESS")),
            required=("IdentityType", "VerifiedForSendingStatus", "VerificationStatus"),
            module="account",
        ),
        Case(
            "list_suppressed",
            lambda account: account.list_suppressed(page=2),
            equals(
                [
                    SuppressedAddress("ausente@example.com", "BOUNCE", SINCE),
                    SuppressedAddress("brava@example.com", "COMPLAINT", SINCE + timedelta(hours=1)),
                    SuppressedAddress("sumida@example.com", "BOUNCE", SINCE + timedelta(hours=2)),
                ]
            ),
            required=tuple(
                f"SuppressedDestinationSummaries{rest}"
                for rest in ("", "[].EmailAddress", "[].Reason", "[].LastUpdateTime")
            ),
            module="account",
            is_live=True,
        ),
        Case(
            "health",
            lambda account: account.look(),
            equals(QUOTA),
            required=QUOTA_FIELDS,
            wire="account_quota",
            prepare=quiet,
            module="account",
            is_live=True,
        ),
    ),
)
