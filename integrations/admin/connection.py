"""Connections to external services: connect, test, change, switch off."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.asked import signed_in
from agency.admin.base import RecordAdmin
from agency.admin.buttons import OperationButton, calls
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.selectors.access import sees_everything
from integrations.admin.connection_form import connection_form, secret_fields, typed_secrets
from integrations.admin.connection_words import (
    HEALTH_WORDS,
    connection_mark,
    credentials_picture,
    history_picture,
    latency_words,
)
from integrations.admin.consent import consent_page
from integrations.admin.overview import services_context
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
from integrations.operations.given_secrets import given_names, show_given_secret
from integrations.registry import manifests
from integrations.runners.check_connection import check_connection
from integrations.selectors.visible import visible_connections
from integrations.states import ConnectionSource

CHANGE = "integrations.change_connection"


def _check(actor: Actor, connection: Connection, answers: Mapping[str, Any]) -> str:
    health = check_connection(actor=actor, connection_id=connection.pk)
    if health.state is HealthState.FAILED:
        raise OperationRefused("connection_failed", str(health.text))
    return f"{HEALTH_WORDS[health.state]}: {health.text}"


def _show_given(actor: Actor, connection: Connection, answers: Mapping[str, Any]) -> str:
    secret = show_given_secret(actor=actor, connection_id=connection.pk)
    return _("Enter this at the service: %(secret)s") % {"secret": secret}


def _disable_warning(connection: Connection) -> str:
    return _("Messages that would go through it are skipped, and its webhooks are refused, until it is enabled again.")


def _is_entered(connection: Connection) -> bool:
    return connection.source == ConnectionSource.PERSON


@admin.register(Connection)
class ConnectionAdmin(RecordAdmin):
    """Accounts at external services."""

    visible_to = staticmethod(visible_connections)
    list_select_related = ("client",)
    list_display = (
        "name",
        "service_title",
        "client",
        "source",
        "health_word",
        "latency",
        "health_text",
        "checked_at",
    )
    list_filter = ("service", "client", "source", "enabled", "health")
    ordering = ("service", "name")
    fixed_fields = ("client",)
    readonly_fields = (
        "service_title",
        "source",
        "webhook",
        "enabled",
        "health_word",
        "health_text",
        "checked_at",
        "latency",
        "history",
        "credentials",
    )
    buttons = (
        OperationButton("check", gettext_lazy("Test connection"), CHANGE, run=_check),
        OperationButton(
            "show_given",
            gettext_lazy("Show verification token"),
            CHANGE,
            run=_show_given,
            shown=lambda connection: bool(given_names(connection)) and _is_entered(connection),
        ),
        OperationButton(
            "enable",
            gettext_lazy("Enable"),
            CHANGE,
            run=calls(enable_connection, "connection_id", gettext_lazy("The connection is used again.")),
            shown=lambda connection: not connection.enabled and _is_entered(connection),
        ),
        OperationButton(
            "disable",
            gettext_lazy("Disable"),
            CHANGE,
            run=calls(disable_connection, "connection_id", gettext_lazy("The connection is switched off.")),
            warning=_disable_warning,
            shown=lambda connection: connection.enabled and _is_entered(connection),
        ),
    )

    @admin.display(description=gettext_lazy("service"), ordering="service")
    def service_title(self, connection: Connection) -> str:
        """The service as people call it."""
        manifest = manifests().get(connection.service)
        return connection.service if manifest is None else manifest.title

    @admin.display(description=gettext_lazy("health"), ordering="health")
    def health_word(self, connection: Connection) -> str:
        """The last check as colour, icon and word."""
        return connection_mark(connection)

    @admin.display(description=gettext_lazy("latency"), ordering="latency_ms")
    def latency(self, connection: Connection) -> str:
        """How long the last check took."""
        return latency_words(connection.latency_ms)

    @admin.display(description=gettext_lazy("last checks"))
    def history(self, connection: Connection) -> str:
        """The checks of the last hours as a picture, and in words."""
        return history_picture(connection)

    @admin.display(description=gettext_lazy("credentials"))
    def credentials(self, connection: Connection) -> str:
        """Until when certificates and consent are good, and what was granted."""
        return credentials_picture(connection)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("services/", view(self.services), name=self._url_name("services")),
            path("<path:object_id>/connect/", view(self.connect), name=self._url_name("connect")),
        ]
        return [*own, *super().get_urls()]

    def services(self, request: HttpRequest) -> HttpResponse:
        """Every service by category: connected or not, how it is doing, what to do, what is left and what it cost."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.show(request, "integrations/services.html", _("Services"), **services_context(request))

    def connect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then send the person to the provider for consent."""
        connection = self.seen(request, object_id)
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        return consent_page(self, request, connection, self._manifest(request, connection))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes here what is written in the environment."""
        return super().has_change_permission(request, obj) and (obj is None or _is_entered(obj))

    def _links(self, request: HttpRequest, buttons: Any, role: str, record: Any) -> list[dict[str, Any]]:
        """The buttons; where the service asks for consent, getting it stands first."""
        links = super()._links(request, buttons, role, record)
        manifest = None if record is None else manifests().get(record.service)
        if manifest is None or manifest.oauth is None or not self.has_change_permission(request, record):
            return links
        address = reverse(f"{self.admin_site.name}:{self._url_name('connect')}", args=(record.pk,))
        first = {"title": _("Connect"), "icon": "link", "variant": ActionVariant.PRIMARY, "attrs": {}, "path": address}
        return [first, *links]

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
        """What it is; for an existing one how it is doing; settings; secrets."""
        manifest = self._manifest(request, obj)
        what: Any = (manifest.title, {"fields": ["name", "client"], "description": manifest.purpose})
        entered: list[Any] = [
            (_("Settings"), {"fields": manifest.plain_names}),
            (_("Secrets"), {"fields": secret_fields(manifest)}),
        ]
        entered = [each for each in entered if each[1]["fields"]]
        if obj is None:
            return [what, *entered]
        state = ["service_title", "source", "enabled", "health_word", "health_text", "checked_at", "latency"]
        doing: Any = (_("State"), {"fields": [*state, "history", "credentials", "webhook"]})
        if not self.has_change_permission(request, obj):
            # A reader sees what it is and how it is doing, neither settings nor secrets.
            return [what, doing]
        return [what, doing, *entered]

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
            secrets=typed_secrets(manifest, cleaned),
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
            secrets=typed_secrets(manifest, cleaned),
        )

    class Media:
        css = {"all": ("integrations/integrations.css",)}

    @staticmethod
    def _manifest(request: HttpRequest, connection: Connection | None) -> Manifest:
        slug = request.GET.get("service", "") if connection is None else connection.service
        manifest = manifests().get(slug)
        if manifest is None:
            raise Http404
        return manifest
