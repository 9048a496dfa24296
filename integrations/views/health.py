"""`/health/integrations`: whether the outside services work, as the regular checks saw them last. It calls none of them."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from agency.api.access import TokenAuth
from agency.api.problems import ApiProblem
from agency.models import User
from integrations.models import Connection
from integrations.selectors.overview import ServiceLine, ServiceState, is_healthy, service_lines
from integrations.selectors.visible import visible_connections

VIEW = "integrations.view_connection"
WORDS = {
    ServiceState.OK: "healthy",
    ServiceState.DEGRADED: "degraded",
    ServiceState.FAILED: "unhealthy",
    ServiceState.UNCHECKED: "unknown",
}


@require_safe
@never_cache
def integrations(request: HttpRequest) -> JsonResponse:
    """To anybody: healthy or degraded. To an API token with the scope `integrations:read`, and to whoever is signed in and sees connections: each
    service in use with its latency or error, of the connections that the reader sees."""
    try:
        reader = _reader(request)
    except ApiProblem as problem:
        return JsonResponse({"code": problem.code, "detail": problem.detail}, status=problem.status)
    if reader is None:
        lines = service_lines(Connection.objects.filter(enabled=True))
        return JsonResponse({"status": _overall(lines)})
    lines = service_lines(visible_connections(reader).filter(enabled=True))
    used = {line.manifest.slug: _service(line) for line in lines if line.state in WORDS}
    return JsonResponse({"status": _overall(lines), "services": used})


def _reader(request: HttpRequest) -> User | None:
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        token = TokenAuth("integrations:read", VIEW).authenticate(request, secret.strip())
        if token is None:
            raise ApiProblem(401, "token_invalid", "The token is unknown, expired or revoked.")
        return token.user
    user = request.user
    return user if isinstance(user, User) and user.has_perm(VIEW) else None


def _overall(lines: list[ServiceLine]) -> str:
    return "healthy" if is_healthy(lines) else "degraded"


def _service(line: ServiceLine) -> dict[str, Any]:
    found: dict[str, Any] = {"status": WORDS[line.state]}
    if line.latency_ms is not None:
        found["latency_ms"] = line.latency_ms
    if line.error:
        found["error"] = line.error
    return found
