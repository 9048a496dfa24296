"""What OAuth writes: who was sent to a provider, what was granted, and renewals that never lose what still works."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import User
from agency.operations.alerts import clear_alert, raise_alert
from agency.operations.audit import record_audit
from agency.states import AlertSeverity
from integrations.connections import ACCESS_TOKEN, REFRESH_TOKEN, open_secrets, seal_secrets
from integrations.models import Connection, OAuthAttempt, OAuthGrant
from integrations.oauth import OAuth, Renewal
from integrations.registry import manifest_of
from integrations.rules.token_life import renewal_time, retry_time
from integrations.states import ConnectionSource, GrantState

ATTEMPT_SECONDS = 600  # so long somebody may take at the provider
LEASE_SECONDS = 60  # longer than a renewal can take
ALERT_ATTEMPTS = 2  # failures in a row of which one is told, while the token still works


@dataclass(frozen=True, slots=True)
class Started:
    """What the address needs: the state that comes back, and the verifier whose digest goes with it."""

    state: str
    verifier: str


@dataclass(frozen=True, slots=True)
class ClaimedRenewal:
    """One process's turn at renewing one grant."""

    lease: int
    access_token: str
    refresh_token: str

    def __repr__(self) -> str:
        return "ClaimedRenewal(…)"


@dataclass(frozen=True, slots=True)
class NewTokens:
    """What a provider gave, with absolute times."""

    access_token: str
    refresh_token: str
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...] | None

    def __repr__(self) -> str:
        return f"NewTokens(expires_at={self.expires_at})"


@transaction.atomic
def begin_oauth(*, actor: Actor, connection_id: int, user: User, session_key: str) -> Started:
    """Remember who goes to the provider, for ten minutes. Raises `OperationRefused` where there is nothing to connect."""
    connection = Connection.objects.select_for_update().get(pk=connection_id)
    if manifest_of(connection.service).oauth is None:
        raise OperationRefused("no_oauth", _("This service is connected with a key, not by consent."))
    now = timezone.now()
    OAuthAttempt.objects.filter(created_at__lt=now - timedelta(seconds=ATTEMPT_SECONDS)).delete()
    started = Started(secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    OAuthAttempt.objects.create(
        state_hash=_hash(started.state),
        session_hash=_hash(session_key),
        connection=connection,
        user=user,
        sealed_verifier=seal_secrets({"verifier": started.verifier}),
        created_at=now,
    )
    record_audit(actor=actor, action="begin_oauth", subject=connection, client=connection.client)
    return started


@transaction.atomic
def take_attempt(*, state: str, user: User, session_key: str) -> tuple[int, str] | None:
    """The connection and the verifier of whoever comes back; None when the state is nobody's, another person's or too old.

    The state is used up by it, also when it does not fit.
    """
    attempt = OAuthAttempt.objects.select_for_update().filter(state_hash=_hash(state)).first()
    if attempt is None:
        return None
    fits = (
        attempt.user_id == user.pk
        and secrets.compare_digest(attempt.session_hash, _hash(session_key))
        and attempt.created_at >= timezone.now() - timedelta(seconds=ATTEMPT_SECONDS)
    )
    found = attempt.connection_id, open_secrets(bytes(attempt.sealed_verifier))["verifier"]
    attempt.delete()
    return found if fits else None


@transaction.atomic
def record_grant(*, actor: Actor, connection_id: int, tokens: NewTokens, why: str = "") -> OAuthGrant:
    """Keep what was granted; a refresh token that is not given anew stays. Audited with its scopes and end, never with a token."""
    connection = Connection.objects.select_for_update(of=("self",)).select_related("client").get(pk=connection_id)
    oauth = _oauth(connection)
    refresh = _store(connection, tokens)
    granted = oauth.scopes if tokens.scopes is None else tokens.scopes
    grant, _made = OAuthGrant.objects.update_or_create(
        connection=connection,
        defaults={
            "state": GrantState.GRANTED,
            "scopes": sorted(granted),
            "refresh_expires_at": tokens.refresh_expires_at,
            **_times(oauth, tokens, refresh),
        },
    )
    record_audit(
        actor=actor,
        action="grant_oauth",
        subject=connection,
        client=connection.client,
        after={"scopes": grant.scopes, "valid until": str(grant.expires_at or "")},
        why=why,
    )
    clear_alert(actor=actor, key=_key(connection))
    return grant


@transaction.atomic
def claim_renewal(*, connection_id: int, now: datetime, at_once: bool) -> ClaimedRenewal | None:
    """Take one's turn at renewing. None when another process has it, or when it is not due (any more); `at_once` renews before that."""
    grant = (
        OAuthGrant.objects.select_for_update(of=("self",))
        .select_related("connection")
        .filter(connection_id=connection_id)
        .first()
    )
    if grant is None or grant.state != GrantState.GRANTED or not grant.renewable:
        return None
    if grant.leased_until is not None and grant.leased_until > now:
        return None
    if not at_once and (grant.renew_at is None or grant.renew_at > now):
        return None
    grant.lease, grant.leased_until = secrets.randbits(62), now + timedelta(seconds=LEASE_SECONDS)
    grant.save(update_fields=["lease", "leased_until"])
    tokens = open_secrets(bytes(grant.connection.sealed_tokens), grant.connection.service)
    return ClaimedRenewal(grant.lease, tokens.get(ACCESS_TOKEN, ""), tokens.get(REFRESH_TOKEN, ""))


@transaction.atomic
def record_renewal(*, actor: Actor, connection_id: int, lease: int, tokens: NewTokens) -> bool:
    """Keep renewed tokens, if it is still this process's turn. False when it no longer was."""
    connection = Connection.objects.select_for_update(of=("self",)).select_related("client").get(pk=connection_id)
    grant = OAuthGrant.objects.select_for_update().get(connection=connection)
    if grant.lease != lease:
        return False
    oauth = _oauth(connection)
    refresh = _store(connection, tokens)
    for name, value in _times(oauth, tokens, refresh).items():
        setattr(grant, name, value)
    if tokens.scopes is not None:
        grant.scopes = sorted(tokens.scopes)
    grant.refresh_expires_at = tokens.refresh_expires_at or grant.refresh_expires_at
    grant.save()
    after = {"valid until": str(grant.expires_at or "")}
    record_audit(actor=actor, action="renew_oauth", subject=connection, client=connection.client, after=after)
    clear_alert(actor=actor, key=_key(connection))
    return True


@transaction.atomic
def record_renewal_failure(*, actor: Actor, connection_id: int, lease: int, error: str, is_lost: bool) -> None:
    """Keep the old tokens and try later; when the grant is lost, or nothing helps for long, a person is told."""
    connection = Connection.objects.select_for_update(of=("self",)).select_related("client").get(pk=connection_id)
    grant = OAuthGrant.objects.select_for_update().get(connection=connection)
    if grant.lease != lease:
        return
    now = timezone.now()
    grant.attempts += 1
    grant.lease, grant.leased_until, grant.error = None, None, error[:300]
    grant.renew_at = None if is_lost else retry_time(now, grant.attempts)
    grant.state = GrantState.LOST if is_lost else grant.state
    grant.save(update_fields=["attempts", "lease", "leased_until", "error", "renew_at", "state"])
    ended = grant.expires_at is not None and grant.expires_at <= now
    if is_lost or ended or grant.attempts >= ALERT_ATTEMPTS:
        todo = _("Open the connection and press Connect.") if is_lost else _("It is tried again by itself.")
        raise_alert(
            actor=actor,
            key=_key(connection),
            severity=AlertSeverity.CRITICAL if is_lost or ended else AlertSeverity.WARNING,
            title=_("The access of %(name)s could not be renewed") % {"name": connection.name},
            text=grant.error,
            todo=todo,
            subject=connection,
            client=connection.client,
        )
    if is_lost:
        record_audit(
            actor=actor, action="lose_oauth", subject=connection, client=connection.client, after={"error": grant.error}
        )


def _oauth(connection: Connection) -> OAuth:
    oauth = manifest_of(connection.service).oauth
    if oauth is None or connection.source == ConnectionSource.ENVIRONMENT:
        raise OperationRefused("no_oauth", _("This service is connected with a key, not by consent."))
    return oauth


def _store(connection: Connection, tokens: NewTokens) -> str:
    """Seal the tokens on the connection. Returns the refresh token that is good from now on."""
    kept = open_secrets(bytes(connection.sealed_tokens), connection.service)
    refresh = tokens.refresh_token or kept.get(REFRESH_TOKEN, "")
    connection.sealed_tokens = seal_secrets({ACCESS_TOKEN: tokens.access_token, REFRESH_TOKEN: refresh})
    connection.save(update_fields=["sealed_tokens"])
    return refresh


def _times(oauth: OAuth, tokens: NewTokens, refresh: str) -> dict[str, object]:
    now = timezone.now()
    can = oauth.renewal is Renewal.EXCHANGE or (oauth.renewal is Renewal.REFRESH_TOKEN and bool(refresh))
    renewable = can and tokens.expires_at is not None
    return {
        "obtained_at": now,
        "expires_at": tokens.expires_at,
        "renewable": renewable,
        "renew_at": renewal_time(now, tokens.expires_at) if renewable and tokens.expires_at else None,
        "lease": None,
        "leased_until": None,
        "attempts": 0,
        "error": "",
    }


def _key(connection: Connection) -> str:
    return f"connection:{connection.pk}:renewal"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
