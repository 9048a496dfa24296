"""`/u/<token>`: leave with one click (RFC 8058), by a mailbox' own button or on the page the link opens.

Looking changes nothing, because mail filters follow links; only a POST with `List-Unsubscribe=One-Click` does. The signed token is all
it takes: no account, no cookie, no CSRF token, which a mailbox provider could not send. A forged token costs one HMAC and no query.
Calls are limited for each token, not for each address: a large mailbox provider asks for thousands of people from one address.
"""

import time

from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from agency.kit.errors import OperationRefused
from agency.rules.masking import masked
from messaging.operations.unsubscribing import unsubscribe as leave
from messaging.selectors.links import recipient_of_unsubscribe
from messaging.selectors.subscriptions import Subscription, subscription_of

PER_MINUTE = 20  # calls with one token
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store"}
MAX_TOKEN = 200  # characters


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link would do; do it when asked. 404 for a forged token, 410 for an old one or a person we do not know any more."""
    if len(token) > MAX_TOKEN:
        return _page(request, "forged", 404)
    try:
        recipient_id = recipient_of_unsubscribe(token)
    except signing.SignatureExpired:
        return _page(request, "expired", 410)
    except (signing.BadSignature, ValueError):
        return _page(request, "forged", 404)
    if _too_often(recipient_id):
        return _page(request, "too_often", 429)
    if request.method != "POST":
        found = subscription_of(recipient_id)
        if found is None:
            return _page(request, "unknown", 410)
        return _page(request, "stopped" if found.stopped else "ask", 200, found)
    if request.POST.get("List-Unsubscribe") != "One-Click":
        return _page(request, "unclear", 400)
    try:
        return _page(request, "stopped", 200, leave(recipient_id=recipient_id))
    except OperationRefused:
        return _page(request, "unknown", 410)


def _page(request: HttpRequest, what: str, status: int, found: Subscription | None = None) -> HttpResponse:
    context = {
        "what": what,
        "client": found.client.name if found else "",
        "address": masked(found.address) if found else "",
    }
    response = render(request, "messaging/unsubscribe.html", context, status=status)
    for name, value in HEADERS.items():
        response.headers[name] = value
    if status == 429:
        response.headers["Retry-After"] = "60"
    return response


def _too_often(recipient_id: int) -> bool:
    """Counts this call. Without a cache nobody is held up."""
    key = f"unsubscribe:{recipient_id}:{int(time.time()) // 60}"
    try:
        cache.add(key, 0, timeout=120)
        return cache.incr(key) > PER_MINUTE
    except (RedisError, ValueError):
        return False
