"""Sender pools: senders of one channel that share a campaign's messages."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agency.admin.base import RecordAdmin
from agency.admin.forms import RecordForm, narrow_records, word_choices
from agency.kit.actor import Actor
from messaging.models import SenderPool
from messaging.operations.sender_pools import change_sender_pool, create_sender_pool
from messaging.selectors.visible import visible_sender_pools
from messaging.states import ChannelKind


class SenderPoolForm(RecordForm):
    """A pool; an existing one stays with its client and channel."""

    decided_by_operation = ("name",)  # which refuses a second pool of it

    class Meta:
        model = SenderPool
        fields = ("client", "name", "channel", "senders")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "senders" not in self.fields:
            return
        if self.instance.pk is not None:
            narrow_records(self, "senders", client_id=self.instance.client_id, channel=self.instance.channel)
        else:
            word_choices(
                self, "senders", lambda sender: f"{sender.name} ({sender.client}, {sender.get_channel_display()})"
            )


@admin.register(SenderPool)
class SenderPoolAdmin(RecordAdmin):
    """Pools of a client."""

    visible_to = staticmethod(visible_sender_pools)
    list_select_related = ("client",)
    list_display = ("name", "client", "channel", "members")
    list_filter = ("client", "channel")
    form = SenderPoolForm
    fields = ("client", "name", "channel", "senders")
    fixed_fields = ("client", "channel")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("senders")

    @admin.display(description=_("senders"))
    def members(self, pool: SenderPool) -> str:
        """Their names."""
        return ", ".join(sender.name for sender in pool.senders.all()) or "–"

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> SenderPool:
        """A new pool."""
        return create_sender_pool(
            client=cleaned["client"],
            name=cleaned["name"],
            channel=ChannelKind(cleaned["channel"]),
            senders=list(cleaned["senders"]),
            actor=actor,
        )

    def change_record(
        self, actor: Actor, pool: SenderPool, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> SenderPool:
        """Its name and members."""
        return change_sender_pool(pool_id=pool.pk, name=cleaned["name"], senders=list(cleaned["senders"]), actor=actor)
