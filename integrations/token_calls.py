"""The wire of OAuth 2.0: a code turned into tokens, tokens renewed, permissions asked for. Loaded on first use (`integrations.registry.token_calls`).

Nothing here is repeated by itself: a refresh token may be good for one use only.
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from integrations.consent import Tokens, app_value, full_address
from integrations.errors import AuthenticationFailed, NotConfigured, RateLimited, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.http import HttpClient, HttpResponse
from integrations.oauth import OAuth, Renewal

TIMEOUT = 20.0  # seconds
LONGEST_LIFE = 10 * 365 * 86_400  # seconds; a larger number is not believed


async def tokens_for_code(
    oauth: OAuth, facts: ConnectionFacts, *, code: str, verifier: str, redirect_uri: str
) -> Tokens:
    """What a code is worth, its permissions included; with Meta the long-lived token.

    Raises `AuthenticationFailed` when the provider refuses, `TemporaryFailure` and `UnexpectedResponse`.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if oauth.pkce:
        form["code_verifier"] = verifier
    tokens = await _ask(oauth, facts, form, "exchange_code")
    if oauth.renewal is Renewal.EXCHANGE:
        tokens = await _ask(oauth, facts, _exchange(tokens.access_token), "exchange_token")
    if oauth.permissions_url:
        tokens = Tokens(
            tokens.access_token,
            tokens.refresh_token,
            tokens.lives,
            tokens.refresh_lives,
            await _permissions(oauth, facts, tokens.access_token),
        )
    return tokens


async def renewed_tokens(oauth: OAuth, facts: ConnectionFacts, *, access_token: str, refresh_token: str) -> Tokens:
    """New tokens for old. An empty `refresh_token` in the answer means that the old one stays good. Raises as `tokens_for_code`."""
    if oauth.renewal is Renewal.EXCHANGE:
        return await _ask(oauth, facts, _exchange(access_token), "renew_token")
    if not refresh_token:
        raise NotConfigured(facts.service, "renew_token", "refresh_token_missing", "the provider gave no refresh token")
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await _ask(oauth, facts, form, "renew_token")


def _exchange(token: str) -> dict[str, str]:
    return {"grant_type": "fb_exchange_token", "fb_exchange_token": token}


async def _ask(oauth: OAuth, facts: ConnectionFacts, form: Mapping[str, str], operation: str) -> Tokens:
    client_id, secret = app_value(oauth.client_id, facts), app_value(oauth.client_secret, facts)
    headers = {"accept": "application/json"}
    if oauth.basic_authentication:
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        body = dict(form)
    else:
        body = {**form, "client_id": client_id, "client_secret": secret}
    origin, path = _split(full_address(oauth.token_url, facts))
    async with HttpClient(origin, service=facts.service, timeout=TIMEOUT) as client:
        answer = await client.request("POST", path, operation=operation, form=body, headers=headers)
    _refuse(answer)
    found = answer.json_object()
    token = found.get("access_token")
    if not isinstance(token, str) or not token:
        raise answer.surprise("the answer holds no access token")
    refresh = found.get("refresh_token")
    return Tokens(
        token,
        refresh if isinstance(refresh, str) else "",
        _life(found.get("expires_in")),
        _life(found.get("refresh_token_expires_in") or found.get("refresh_expires_in")),
        _scopes(found.get("scope")),
    )


async def _permissions(oauth: OAuth, facts: ConnectionFacts, token: str) -> tuple[str, ...]:
    origin, path = _split(full_address(oauth.permissions_url, facts))
    async with HttpClient(origin, service=facts.service, timeout=TIMEOUT) as client:
        answer = await client.request(
            "GET", path, operation="permissions", headers={"authorization": f"Bearer {token}"}
        )
    _refuse(answer)
    rows = answer.json_object().get("data")
    if not isinstance(rows, list):
        raise answer.surprise("the answer lists no permissions")
    granted = [row for row in rows if isinstance(row, dict) and row.get("status") == "granted"]
    return tuple(sorted(str(row.get("permission")) for row in granted))


def _refuse(answer: HttpResponse) -> None:
    """Raise what an error answer means, in the standard's words or in Meta's."""
    if answer.ok:
        return
    if answer.status == 429:
        raise RateLimited(answer.service, answer.operation, "http_429", retry_after=answer.retry_after(60.0))
    if answer.status >= 500:
        raise TemporaryFailure(
            answer.service,
            answer.operation,
            f"http_{answer.status}",
            "the provider has a fault",
            accepted_possible=True,
        )
    found: Any = answer.json_object()
    error = found.get("error")
    if isinstance(error, dict):
        code, text = str(error.get("code", "")), str(error.get("message", ""))
    elif isinstance(error, str):
        code, text = error, str(found.get("error_description", ""))
    else:
        raise answer.surprise()
    raise AuthenticationFailed(answer.service, answer.operation, code, text)


def _split(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return f"{parts.scheme}://{parts.netloc}", path


def _life(value: object) -> int | None:
    try:
        seconds = int(str(value))
    except ValueError:
        return None
    return seconds if 0 < seconds <= LONGEST_LIFE else None


def _scopes(value: object) -> tuple[str, ...] | None:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) and value.strip() else None
