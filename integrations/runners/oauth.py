"""Leading through OAuth: to the provider, back with a code, and renewals, each with the network between two transactions."""

import asyncio
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import User
from integrations.calling.calls import refuse_inside_transaction
from integrations.connections import facts_of
from integrations.consent import Tokens, authorize_address, is_lost
from integrations.errors import AuthenticationFailed, IntegrationError
from integrations.models import Connection, OAuthGrant
from integrations.oauth import OAuth
from integrations.operations.oauth import (
    NewTokens,
    begin_oauth,
    claim_renewal,
    record_grant,
    record_renewal,
    record_renewal_failure,
    take_attempt,
)
from integrations.registry import manifest_of, token_calls
from integrations.selectors.grants import grants_to_renew
from integrations.states import ConnectionSource

CALLBACK = "/oauth/callback/"


def callback_address() -> str:
    """Where providers send people back; it is registered at each provider's app."""
    return f"{settings.PUBLIC_BASE_URL}{CALLBACK}"


def start_consent(*, actor: Actor, connection: Connection, user: User, session_key: str) -> str:
    """The provider's address at which a person gives consent. Raises `OperationRefused`."""
    oauth = _oauth(connection)
    started = begin_oauth(actor=actor, connection_id=connection.pk, user=user, session_key=session_key)
    try:
        return authorize_address(
            oauth,
            facts_of(connection),
            state=started.state,
            verifier=started.verifier,
            redirect_uri=callback_address(),
        )
    except IntegrationError as error:
        raise OperationRefused(error.code, _("Complete the connection: %(detail)s") % {"detail": error.text}) from None


def finish_consent(
    *, actor: Actor, user: User, session_key: str, state: str, code: str, error: str
) -> tuple[Connection, OAuthGrant]:
    """Turn what the provider sent back into a grant. Raises `OperationRefused` with what to do; then nothing was changed."""
    refuse_inside_transaction()
    attempt = take_attempt(state=state, user=user, session_key=session_key)
    if attempt is None:
        raise OperationRefused(
            "oauth_state", _("This answer belongs to no attempt of yours of the last ten minutes. Press Connect again.")
        )
    connection_id, verifier = attempt
    connection = Connection.objects.get(pk=connection_id)
    if error or not code:
        raise OperationRefused(
            "oauth_denied",
            _("The provider says that access was not granted (%(error)s). Press Connect again and agree.")
            % {"error": error[:80] or "-"},
        )
    refuse_inside_transaction()
    try:
        found = asyncio.run(
            token_calls().tokens_for_code(
                _oauth(connection),
                facts_of(connection),
                code=code,
                verifier=verifier,
                redirect_uri=callback_address(),
            )
        )
    except IntegrationError as failure:
        detail = f"{failure.code} {failure.text}".strip()
        raise OperationRefused(
            "oauth_refused", _("The provider gave no access: %(detail)s") % {"detail": detail}
        ) from None
    grant = record_grant(actor=actor, connection_id=connection_id, tokens=_dated(found))
    return connection, grant


def renew_connection(*, actor: Actor, connection_id: int, at_once: bool = False) -> bool:
    """Renew one connection's token if it is due, or `at_once`. True when it was; False when there was nothing to do or another process does it.

    A failure keeps the old tokens, is tried again later and told to a person (`record_renewal_failure`).
    """
    refuse_inside_transaction()
    claimed = claim_renewal(connection_id=connection_id, now=timezone.now(), at_once=at_once)
    if claimed is None:
        return False
    connection = Connection.objects.get(pk=connection_id)
    try:
        found = asyncio.run(
            token_calls().renewed_tokens(
                _oauth(connection),
                facts_of(connection),
                access_token=claimed.access_token,
                refresh_token=claimed.refresh_token,
            )
        )
    except IntegrationError as failure:
        record_renewal_failure(
            actor=actor,
            connection_id=connection_id,
            lease=claimed.lease,
            error=f"{failure.code} {failure.text}".strip(),
            is_lost=isinstance(failure, AuthenticationFailed) and is_lost(failure),
        )
        return False
    return record_renewal(actor=actor, connection_id=connection_id, lease=claimed.lease, tokens=_dated(found))


def renew_due_tokens(*, actor: Actor) -> int:
    """Renew whatever is due, one after another. Returns how many were."""
    return sum(renew_connection(actor=actor, connection_id=pk) for pk in grants_to_renew(timezone.now()))


def _dated(tokens: Tokens) -> NewTokens:
    now = timezone.now()
    ends, refresh_ends = (
        None if seconds is None else now + timedelta(seconds=seconds)
        for seconds in (tokens.lives, tokens.refresh_lives)
    )
    return NewTokens(tokens.access_token, tokens.refresh_token, ends, refresh_ends, tokens.scopes)


def _oauth(connection: Connection) -> OAuth:
    oauth = manifest_of(connection.service).oauth
    if oauth is None or connection.source == ConnectionSource.ENVIRONMENT:
        raise OperationRefused("no_oauth", _("This service is connected with a key, not by consent."))
    return oauth
