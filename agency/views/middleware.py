"""What every request passes: refusing malformed input, the reader's language and time zone, the content security policy."""

import secrets
import zoneinfo
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from agency.api.problems import as_problem
from agency.kit import metrics

GetResponse = Callable[[HttpRequest], HttpResponse]


def edge(get_response: GetResponse) -> GetResponse:
    """Refuse NUL bytes in addresses before anything else looks at them (PostgreSQL knows none); forms refuse them in their fields.

    Bytes that are no UTF-8 never get this far: Django writes them as %XX in a path and as U+FFFD in a query.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path or "%00" in query or "\x00" in query:
            return HttpResponse(
                "The address holds characters that are not allowed.", status=400, content_type="text/plain"
            )
        return get_response(request)

    return middleware


def reader_preferences(get_response: GetResponse) -> GetResponse:
    """Show pages in the person's own language and time zone; without a choice the browser's language and the agency's zone hold."""

    def middleware(request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "")
        if language:
            translation.activate(language)
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        zone = getattr(request.user, "time_zone", "")
        if zone in zoneinfo.available_timezones():
            timezone.activate(zoneinfo.ZoneInfo(zone))
        else:
            timezone.deactivate()
        return get_response(request)

    return middleware


class _NoncedRequest(HttpRequest):
    """A request whose page may say which of its scripts and styles are its own."""

    csp_nonce: object


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send the policy with a fresh nonce (`request.csp_nonce` in templates). Pages may not be framed and load nothing from elsewhere."""

    def middleware(request: HttpRequest) -> HttpResponse:
        nonce = SimpleLazyObject(lambda: secrets.token_urlsafe(16))
        cast(_NoncedRequest, request).csp_nonce = nonce
        response = get_response(request)
        admin = request.path.startswith("/admin/")
        policy = settings.CONTENT_SECURITY_POLICY_ADMIN if admin else settings.CONTENT_SECURITY_POLICY
        text = "; ".join(f"{name} {value}" for name, value in policy.items())
        response.headers.setdefault("Content-Security-Policy", text.replace("{nonce}", str(nonce)))
        return response

    return middleware


def _too_large(request: HttpRequest) -> bool:
    """Uploads are files on disk with their own limit; every other body is read into memory."""
    size = request.META.get("CONTENT_LENGTH") or "0"
    upload = (request.content_type or "") == "multipart/form-data"
    return not upload and (not size.isdecimal() or int(size) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0))


def api_problems(get_response: GetResponse) -> GetResponse:
    """Below /api/ every error is a problem document, whoever made it; answers are counted by status class."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return get_response(request)
        answer = HttpResponse(status=413) if _too_large(request) else get_response(request)
        response = as_problem(answer)
        metrics.add("api_requests", status=f"{response.status_code // 100}xx")
        return response

    return middleware
