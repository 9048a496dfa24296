"""Inbound events: what arrived, what became of it, and replaying what failed."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.asked import key_of
from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, calls, in_state
from agency.kit.actor import Actor
from agency.rules.masking import HIDDEN, masked
from integrations.models import Connection, InboundEvent
from integrations.operations.inbound_events import replay_failed_events, replay_inbound_event
from integrations.registry import manifests
from integrations.selectors.inbound_events import visible_inbound_events
from integrations.states import InboundState
from integrations.webhooks.reading import form_mapping
from integrations.webhooks.request import UnreadablePayload

READ_BODY = "integrations.read_inbound_body"
REPLAY = "integrations.replay_inbound_event"
AT_ONCE = 1_000  # dead letters replayed by one press
SHOWN = 20_000  # characters of a body on the page


class ReplayFailed(ButtonForm):
    """The oldest dead letters that the reader sees."""

    def clean(self) -> dict[str, Any]:
        """Add their ids to the answers."""
        failed = visible_inbound_events(self.user).filter(state=InboundState.FAILED)
        ids = list(failed.order_by("received_on", "pk").values_list("pk", flat=True)[:AT_ONCE])
        return {**(super().clean() or {}), "ids": ids}


def _replay_failed(actor: Actor, record: None, answers: Mapping[str, Any]) -> str:
    number = replay_failed_events(actor=actor, inbound_event_ids=answers["ids"])
    return ngettext("%(number)d event is tried again.", "%(number)d events are tried again.", number) % {
        "number": number
    }


def _replay_failed_warning(record: None) -> str:
    return _("Up to %(number)d failed events, the oldest first, are tried again.") % {"number": AT_ONCE}


class ServiceFilter(admin.SimpleListFilter):
    """By service, through its connections: the table itself is never asked which services it knows."""

    title = gettext_lazy("service")
    parameter_name = "service"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every service that sends webhooks."""
        return [(slug, manifest.title) for slug, manifest in manifests().items() if manifest.webhook]

    def queryset(self, request: HttpRequest, queryset: QuerySet[InboundEvent]) -> QuerySet[InboundEvent]:
        """The events of the chosen service's connections."""
        if self.value() is None:
            return queryset
        owners = Connection.objects.filter(service=self.value()).values_list("pk", flat=True)
        return queryset.filter(connection_id__in=list(owners))


@admin.register(InboundEvent)
class InboundEventAdmin(RecordAdmin):
    """Webhook deliveries as they came in."""

    visible_to = staticmethod(visible_inbound_events)
    list_select_related = ()
    list_display = ("received_at", "service_title", "connection_name", "state", "attempt", "error", "provider_event_id")
    list_filter = (ServiceFilter, "state", "received_on")
    sortable_by = ()
    search_help_text = gettext_lazy("The number or the provider's id of an event, whole")
    buttons = (
        OperationButton(
            "replay",
            gettext_lazy("Replay"),
            REPLAY,
            run=calls(replay_inbound_event, "inbound_event_id", gettext_lazy("The event is tried again.")),
            shown=in_state(InboundState.FAILED, InboundState.IGNORED),
        ),
    )
    list_buttons = (
        OperationButton(
            "replay-failed",
            gettext_lazy("Replay failed events"),
            REPLAY,
            run=_replay_failed,
            form=ReplayFailed,
            warning=_replay_failed_warning,
        ),
    )

    def must_look(self, request: HttpRequest) -> bool:
        """Events that wait or failed have indexes; the others, which are most, do not."""
        return request.GET.get("state__exact") in {
            str(state.value) for state in (InboundState.DONE, InboundState.IGNORED)
        }

    def search(self, text: str) -> Q:
        """By its number, or by the provider's id."""
        key = key_of(text)
        return Q(provider_event_id=text) if key is None else Q(pk=key)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What the page shows; how much of the body depends on who reads."""
        body = "body_hidden"
        if request.user.has_perm(READ_BODY):
            body = "body_clear" if request.user.has_perm(PERSONAL) else "body_masked"
        return (
            "received_at",
            "service_title",
            "connection_name",
            "provider_event_id",
            "state",
            "attempt",
            "error",
            "content_type",
            "query",
            body,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return self.get_fields(request, obj)

    @admin.display(description=gettext_lazy("service"))
    def service_title(self, event: InboundEvent) -> str:
        """The service as people call it."""
        manifest = manifests().get(event.service)
        return event.service if manifest is None else manifest.title

    @admin.display(description=gettext_lazy("connection"))
    def connection_name(self, event: InboundEvent) -> str:
        """The connection's name, or its number when it was removed."""
        return getattr(event, "connection_name", None) or f"#{event.connection_id}"

    @admin.display(description=gettext_lazy("body"))
    def body_hidden(self, event: InboundEvent) -> str:
        """For readers who may not see bodies."""
        return HIDDEN

    @admin.display(description=gettext_lazy("body"))
    def body_masked(self, event: InboundEvent) -> str:
        """Its shape, without the persons in it."""
        return _page(_masked_content(_content(event)))

    @admin.display(description=gettext_lazy("body"))
    def body_clear(self, event: InboundEvent) -> str:
        """As it came."""
        return _page(_content(event))


def _content(event: InboundEvent) -> Any:
    """The body as an object; as text when it is neither JSON nor a form."""
    body = bytes(event.body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    if "form" in event.content_type:
        try:
            return dict(form_mapping(body))
        except UnreadablePayload:
            pass
    return body.decode("utf-8", "replace")


def _masked_content(content: Any) -> Any:
    """The same shape; texts masked, and long digits too, since they may be phones."""
    if isinstance(content, dict):
        return {name: _masked_content(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_masked_content(value) for value in content]
    if isinstance(content, str):
        return HIDDEN if content.isdigit() and len(content) > 6 else masked(content)
    return HIDDEN if isinstance(content, int) and abs(content) > 10**9 else content


def _page(content: Any) -> str:
    written = content if isinstance(content, str) else orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    return format_html('<pre class="whitespace-pre-wrap break-all">{}</pre>', written[:SHOWN])
