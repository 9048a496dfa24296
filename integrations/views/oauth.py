"""Where providers send people back after consent."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from agency.admin.asked import actor_of, signed_in
from agency.kit.errors import OperationRefused
from integrations.health import HealthState
from integrations.runners.check_connection import EACH_SECONDS, check_connection
from integrations.runners.oauth import finish_consent
from integrations.selectors.visible import visible_connections


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer for the person who asked, test the connection, and go to its page."""
    user = signed_in(request)
    if not user.has_perm("integrations.change_connection"):
        raise PermissionDenied
    answer = request.GET
    try:
        connection, _grant = finish_consent(
            actor=actor_of(request),
            user=user,
            session_key=request.session.session_key or "",
            state=answer.get("state", "")[:200],
            code=answer.get("code", "")[:4000],
            error=answer.get("error", "")[:200],
        )
    except OperationRefused as refusal:
        messages.error(request, refusal.text)
        return HttpResponseRedirect(reverse("admin:integrations_connection_services"))
    if not visible_connections(user).filter(pk=connection.pk).exists():  # taken away meanwhile
        raise PermissionDenied
    health = check_connection(actor=actor_of(request), connection_id=connection.pk, seconds=EACH_SECONDS)
    if health.state is HealthState.FAILED:
        messages.warning(request, _("Connected, but: %(text)s") % {"text": health.text})
    else:
        messages.success(request, _("Connected. %(text)s") % {"text": health.text})
    return HttpResponseRedirect(reverse("admin:integrations_connection_change", args=(connection.pk,)))
