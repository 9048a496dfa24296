"""Connections to external services: connect, test, change, switch off."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.asked import signed_in
from agency.admin.base import RecordAdmin
from agency.admin.buttons import OperationButton, calls
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.selectors.access import sees_everything
from integrations.admin.connection_form import connection_form
from integrations.connections import webhook_url
from integrations.health import HealthState
from integrations.manifest import Manifest
from integrations.models import Connection
from integrations.operations.connections import (
    create_connection,
    disable_connection,
    enable_connection,
    update_connection,
)
from integrations.registry import manifests
from integrations.runners.check_connection import check_connection
from integrations.selectors.visible import visible_connections


def _check(actor: Actor, connection: Connection, answers: Mapping[str, Any]) -> str:
    health = check_connection(actor=actor, connection_id=connection.pk)
    if health.state is HealthState.FAILED:
        raise OperationRefused("connection_failed", str(health.text))
    return f"{HEALTH_WORDS[health.state]}: {health.text}"


def _disable_warning(connection: Connection) -> str:
    return _("Messages that would go through it are skipped, and its webhooks are refused, until it is enabled again.")


HEALTH_WORDS = {
    HealthState.OK: gettext_lazy("works"),
    HealthState.DEGRADED: gettext_lazy("works, but look at it"),
    HealthState.FAILED: gettext_lazy("does not work"),
}


@admin.register(Connection)
class ConnectionAdmin(RecordAdmin):
    """Accounts at external services."""

    visible_to = staticmethod(visible_connections)
    list_select_related = ("client",)
    list_display = ("name", "service_title", "client", "enabled", "health_word", "health_text", "checked_at")
    list_filter = ("service", "client", "enabled", "health")
    ordering = ("service", "name")
    fixed_fields = ("client",)
    readonly_fields = ("service_title", "webhook", "enabled", "health_word", "health_text", "checked_at")
    buttons = (
        OperationButton("check", gettext_lazy("Test connection"), "integrations.change_connection", run=_check),
        OperationButton(
            "enable",
            gettext_lazy("Enable"),
            "integrations.change_connection",
            run=calls(enable_connection, "connection_id", gettext_lazy("The connection is used again.")),
            shown=lambda connection: not connection.enabled,
        ),
        OperationButton(
            "disable",
            gettext_lazy("Disable"),
            "integrations.change_connection",
            run=calls(disable_connection, "connection_id", gettext_lazy("The connection is switched off.")),
            warning=_disable_warning,
            shown=lambda connection: bool(connection.enabled),
        ),
    )

    @admin.display(description=gettext_lazy("service"), ordering="service")
    def service_title(self, connection: Connection) -> str:
        """The service as people call it."""
        manifest = manifests().get(connection.service)
        return connection.service if manifest is None else manifest.title

    @admin.display(description=gettext_lazy("health"), ordering="health")
    def health_word(self, connection: Connection) -> str:
        """The last check in words."""
        return str(HEALTH_WORDS[HealthState(connection.health)]) if connection.health else "-"

    @admin.display(description=gettext_lazy("webhook address"))
    def webhook(self, connection: Connection) -> str:
        """What to enter at the provider, with how."""
        manifest = manifests().get(connection.service)
        if manifest is None or not manifest.webhook:
            return "-"
        return f"{webhook_url(connection)} ({manifest.webhook_help})"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """First the choice of a service, then its form."""
        if "service" in request.GET:
            page: HttpResponse = super().add_view(request, form_url, extra_context)
            return page
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self.show(
            request,
            "admin/batuta/choose_service.html",
            _("Which service?"),
            manifests=manifests().values(),
            back=reverse(f"{self.admin_site.name}:integrations_connection_changelist"),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = connection_form(self._manifest(request, obj), obj)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What it is; settings; secrets; and for an existing one how it is doing."""
        manifest = self._manifest(request, obj)
        sets: list[Any] = [
            (manifest.title, {"fields": ["name", "client"], "description": manifest.purpose}),
            (_("Settings"), {"fields": manifest.plain_names}),
            (_("Secrets"), {"fields": manifest.secret_names}),
        ]
        if obj is not None:
            state = ["service_title", "enabled", "health_word", "health_text", "checked_at", "webhook"]
            sets.append((_("State"), {"fields": state}))
        if not self.has_change_permission(request, obj) and obj is not None:
            # A reader sees what it is and how it is doing, neither settings nor secrets.
            return [sets[0], sets[-1]]
        return [each for each in sets if each[1]["fields"]]

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Connection:
        """Connect the chosen service."""
        manifest = self._manifest(request, None)
        if cleaned["client"] is None and not sees_everything(signed_in(request)):
            raise InvalidInput("client_required", _("Choose the client whose account this is."), "client")
        return create_connection(
            actor=actor,
            service=manifest.slug,
            name=cleaned["name"],
            client=cleaned["client"],
            settings={name: cleaned[name] for name in manifest.plain_names},
            secrets={name: cleaned[name] for name in manifest.secret_names},
        )

    def change_record(
        self, actor: Actor, connection: Connection, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Connection:
        """Change name, settings, and the secrets that were typed."""
        manifest = self._manifest(request, connection)
        return update_connection(
            actor=actor,
            connection_id=connection.pk,
            name=cleaned["name"],
            settings={name: cleaned[name] for name in manifest.plain_names},
            secrets={name: cleaned[name] for name in manifest.secret_names},
        )

    @staticmethod
    def _manifest(request: HttpRequest, connection: Connection | None) -> Manifest:
        slug = request.GET.get("service", "") if connection is None else connection.service
        manifest = manifests().get(slug)
        if manifest is None:
            raise Http404
        return manifest
