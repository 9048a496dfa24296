"""API tokens: issue, revoke, use."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import ApiToken, Client, User
from agency.operations.audit import record_audit
from agency.rules.scopes import SCOPES
from agency.selectors.access import visible_clients

PREFIX = "btt_"  # what secret scanners and people recognise
LONGEST = timedelta(days=366)
USE_STEP = timedelta(minutes=1)  # `last_used_at` is that exact, so a busy token is not a hot row


def token_digest(secret: str) -> str:
    """What is stored of a secret; it has 256 random bits, so one fast hash is enough."""
    return sha256(secret.encode()).hexdigest()


@transaction.atomic
def issue_token(
    *,
    actor: Actor,
    user: User,
    name: str,
    scopes: Collection[str],
    clients: Sequence[Client] = (),
    expires_at: datetime,
) -> tuple[ApiToken, str]:
    """A new token of `user`, and its secret, which exists nowhere else. Raises `InvalidInput` for unknown scopes, foreign clients, bad dates."""
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise InvalidInput("unknown_scope", _("Choose at least one of the offered scopes."), field="scopes")
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise InvalidInput("bad_expiry", _("A token works for at most a year."), field="expires_at")
    wanted = {client.pk for client in clients}
    if wanted - set(visible_clients(user).filter(pk__in=wanted).values_list("pk", flat=True)):
        raise InvalidInput("foreign_client", _("The person has no access to one of these clients."), field="clients")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name.strip()[:100],
        user=user,
        prefix=secret[:10],
        digest=token_digest(secret),
        scopes=sorted(scopes),
        limited=bool(wanted),
        expires_at=expires_at,
    )
    token.clients.set(wanted)
    record_audit(
        actor=actor,
        action="issue_token",
        subject=token,
        after={
            "name": token.name,
            "user": user.username,
            "scopes": token.scopes,
            "clients": sorted(client.slug for client in clients),
            "expires_at": expires_at.isoformat(),
        },
    )
    return token, secret


@transaction.atomic
def revoke_token(*, actor: Actor, token_id: int) -> ApiToken:
    """End a token now. Raises `OperationRefused` when it has ended already."""
    token = ApiToken.objects.select_for_update().get(pk=token_id)
    if token.revoked_at is not None:
        raise OperationRefused("revoked", _("This token was already revoked."))
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    record_audit(actor=actor, action="revoke_token", subject=token, after={"name": token.name})
    return token


def use_token(*, secret: str) -> ApiToken | None:
    """The living token of a secret, with its person; notes the use. None when there is no such token, or it or its person is off."""
    now = timezone.now()
    if not secret.startswith(PREFIX) or len(secret) > 100:
        return None
    token = (
        ApiToken.objects.select_related("user")
        .prefetch_related("clients")
        .filter(digest=token_digest(secret), revoked_at__isnull=True, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is None:
        return None
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_STEP)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    token.user.limited_to = frozenset(client.pk for client in token.clients.all()) if token.limited else None
    return token
