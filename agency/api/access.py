"""Who calls the API: a token, its scopes, its person's permissions, and how often."""

import time
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja.security import HttpBearer
from redis.exceptions import RedisError

from agency.api.problems import ApiProblem
from agency.kit.actor import Actor
from agency.models import ApiToken, Client, User
from agency.operations.tokens import use_token
from agency.selectors.access import visible_clients


class TokenAuth(HttpBearer):
    """`Authorization: Bearer btt_…`. The operation names the scope it needs and the permission that the token's person must have."""

    def __init__(self, scope: str, permission: str) -> None:
        super().__init__()
        self.scope, self.permission = scope, permission

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = use_token(secret=token)
        if found is None:
            return None
        _limit_rate(found)
        if self.scope not in found.scopes:
            raise ApiProblem(403, "scope_missing", f"The token lacks the scope {self.scope}.")
        if not found.user.has_perm(self.permission):
            raise ApiProblem(403, "permission_missing", f"The token's person lacks the permission {self.permission}.")
        request.user = found.user
        return found


def _limit_rate(token: ApiToken) -> None:
    """At most so many requests a minute for one token; when the cache is away nobody is held up."""
    now = int(time.time())
    key = f"api-rate:{token.pk}:{now // 60}"
    try:
        cache.add(key, 0, timeout=120)
        used = cache.incr(key)
    except (RedisError, ValueError):
        return
    if used > settings.API_REQUESTS_PER_MINUTE:
        raise ApiProblem(
            429, "too_many_requests", "Too many requests in this minute.", {"Retry-After": str(60 - now % 60)}
        )


token = partial(TokenAuth)


class _TokenRequest(HttpRequest):
    """A request that ninja has let in."""

    auth: ApiToken


def _used_token(request: HttpRequest) -> ApiToken:
    return cast(_TokenRequest, request).auth


def caller(request: HttpRequest) -> User:
    """The token's person, limited to the token's clients: what every `visible_…` selector is asked with."""
    return _used_token(request).user


def actor_of_token(request: HttpRequest) -> Actor:
    """The actor of operations called through the API."""
    used = _used_token(request)
    return Actor(label=f"{used.user.get_username()} · {used.name}", user_id=used.user_id, token_id=used.pk)


def visible_or_404(records: QuerySet[Any], pk: int) -> Any:
    """The record among the visible ones. Others' records do not exist: Http404."""
    if pk > 2**63 - 1:
        raise Http404
    return get_object_or_404(records, pk=pk)


def client_or_404(request: HttpRequest, slug: str) -> Client:
    """A visible client by its slug."""
    return get_object_or_404(visible_clients(caller(request)), slug=slug)
