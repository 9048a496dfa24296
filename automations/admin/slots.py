"""The slot ledger and Beat's lease: to be read; a lost slot can be run again."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy

from agency.admin.base import RecordAdmin
from agency.admin.buttons import OperationButton, calls
from agency.admin.forms import OptionalWhyForm
from agency.rules.roles import OPERATE_ENGINE
from automations.admin.words import lateness
from automations.models import BeatLease, Slot
from automations.operations.slots import retry_slot
from automations.selectors.visible import visible_leases, visible_slots
from automations.states import NEXT_STATES, SlotState


def _can_retry(slot: Slot) -> bool:
    return slot.state != SlotState.RUNNING and SlotState.DUE in NEXT_STATES[SlotState(slot.state)]


@admin.register(Slot)
class SlotAdmin(RecordAdmin):
    """Every due time of every schedule, and what became of it."""

    visible_to = staticmethod(visible_slots)
    list_select_related = ()
    list_display = ("key", "slot", "state", "reason", "drift", "attempt", "finished_at", "scope")
    list_filter = ("state", "reason")
    readonly_fields = ("drift",)
    search_help_text = gettext_lazy("Beginning of a schedule's key")
    buttons = (
        OperationButton(
            "retry",
            gettext_lazy("Run it after all"),
            OPERATE_ENGINE,
            run=calls(retry_slot, "slot_id", gettext_lazy("The slot runs again, with its own due time.")),
            form=OptionalWhyForm,
            shown=_can_retry,
        ),
    )

    def search(self, text: str) -> Q:
        """By the beginning of the key, which an index answers."""
        return Q(key__startswith=text)

    @admin.display(description=gettext_lazy("late by"))
    def drift(self, slot: Slot) -> str:
        """How late a worker was first told, or last when it was told again."""
        late: timedelta | None = slot.nudged_at - slot.slot if slot.nudged_at else None
        return lateness(late)


@admin.register(BeatLease)
class BeatLeaseAdmin(RecordAdmin):
    """Which Beat fires now."""

    visible_to = staticmethod(visible_leases)
    list_select_related = ()
    list_display = ("holder", "term", "acquired_at", "renewed_at", "ticked_at", "published_at")
    ordering = ("name",)
