"""Sending a person to a provider for consent: what will be asked for, then on to the provider."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from agency.admin.asked import actor_of, signed_in
from agency.admin.base import RecordAdmin
from agency.kit.errors import OperationRefused
from integrations.manifest import Manifest
from integrations.models import Connection
from integrations.runners.oauth import callback_address, start_consent


def consent_page(admin: RecordAdmin, request: HttpRequest, connection: Connection, manifest: Manifest) -> HttpResponse:
    """What a person agrees to at the provider; after the button, the way there.

    The way is a page that moves on by itself, because the content security policy lets no form lead to another site.
    """
    context: dict[str, Any] = {
        "record": connection,
        "service": manifest.title,
        "scopes": manifest.oauth.scopes if manifest.oauth else (),
        "callback": callback_address(),
        "back": reverse("admin:integrations_connection_change", args=(connection.pk,)),
    }
    title = _("Connect %(name)s") % {"name": connection.name}
    if request.method == "POST":
        try:
            address = start_consent(
                actor=actor_of(request),
                connection=connection,
                user=signed_in(request),
                session_key=request.session.session_key or "",
            )
        except OperationRefused as refusal:
            context["refusal"] = refusal.text
        else:
            way: TemplateResponse = admin.show(
                request, "integrations/consent.html", title, **context, provider_address=address
            )
            way["Refresh"] = f"0; url={address}"
            return way
    return admin.show(request, "integrations/consent.html", title, **context)
