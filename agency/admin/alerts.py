"""Alerts in the admin: what is wrong now, since when, what to do; taking one on; and the home page's lines about them."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.base import RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, calls
from agency.admin.words import moment
from agency.kit.home import Need, Tone, register_needs
from agency.models import Alert, User
from agency.operations.alerts import MOST_NOTE, acknowledge_alert
from agency.selectors.alerts import visible_alerts, waiting_alerts
from agency.states import AlertSeverity

ACKNOWLEDGE = "agency.change_alert"
TONES = {AlertSeverity.INFO: Tone.WAITING, AlertSeverity.WARNING: Tone.LOOK, AlertSeverity.CRITICAL: Tone.BROKEN}
ICONS = {AlertSeverity.INFO: "info", AlertSeverity.WARNING: "warning", AlertSeverity.CRITICAL: "error"}


class EpisodeFilter(admin.SimpleListFilter):
    """Open, taken on, or over; what is open is shown first."""

    title = gettext_lazy("state")
    parameter_name = "episode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("open", gettext_lazy("open")),
            ("waiting", gettext_lazy("nobody looks after it")),
            ("over", gettext_lazy("over")),
            ("all", gettext_lazy("all")),
        ]

    def value(self) -> str:
        """The chosen one; open where nothing was chosen."""
        return super().value() or "open"

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for lookup, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: lookup})
            yield {"selected": self.value() == str(lookup), "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        """The alerts in the chosen state."""
        conditions: dict[str, dict[str, Any]] = {
            "open": {"cleared_at__isnull": True},
            "waiting": {"cleared_at__isnull": True, "acknowledged_at__isnull": True},
            "over": {"cleared_at__isnull": False},
        }
        return queryset.filter(**conditions.get(self.value(), {}))


class TakeOn(ButtonForm):
    """A word to the others."""

    note = forms.CharField(label=gettext_lazy("Note"), max_length=MOST_NOTE, required=False)


@admin.register(Alert)
class AlertAdmin(RecordAdmin):
    """Episodes of something being wrong."""

    visible_to = staticmethod(visible_alerts)
    list_select_related = ("client", "acknowledged_by")
    list_display = ("mark", "title", "todo", "client", "raised_at", "last_seen_at", "state_word")
    list_display_links = ("title",)
    list_filter = (EpisodeFilter, "severity", "client")
    ordering = ("-id",)
    fields = (
        "mark",
        "title",
        "text",
        "todo",
        "client",
        "about",
        "raised_at",
        "last_seen_at",
        "times_seen",
        "state_word",
        "note",
        "cleared_at",
    )
    readonly_fields = fields
    buttons = (
        OperationButton(
            "acknowledge",
            gettext_lazy("I look after it"),
            ACKNOWLEDGE,
            run=calls(
                acknowledge_alert,
                "alert_id",
                gettext_lazy("You look after it. It stays open until the trouble is over."),
            ),
            form=TakeOn,
            shown=lambda alert: alert.is_open and alert.acknowledged_at is None,
        ),
    )

    @admin.display(description=gettext_lazy("severity"), ordering="severity")
    def mark(self, alert: Alert) -> str:
        """Severity as colour, icon and word; grey once it is over."""
        severity = AlertSeverity(alert.severity)
        tone, icon = (TONES[severity], ICONS[severity]) if alert.is_open else (Tone.DONE, "check_circle")
        word = severity.label if alert.is_open else _("over")
        return format_html(
            '<span class="bt-mark bt-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span> {}</span>',
            tone,
            icon,
            word,
        )

    @admin.display(description=gettext_lazy("state"))
    def state_word(self, alert: Alert) -> str:
        """Open, looked after by whom, or over since when."""
        if alert.cleared_at is not None:
            return _("over since %(moment)s") % {"moment": moment(alert.cleared_at)}
        if alert.acknowledged_at is None:
            return _("open")
        return _("%(person)s looks after it") % {"person": alert.acknowledged_by or _("somebody")}

    @admin.display(description=gettext_lazy("record"))
    def about(self, alert: Alert) -> str:
        """A link to what it is about."""
        address = subject_address(alert)
        if not address:
            return "-"
        name = f"{apps.get_model(alert.subject_type)._meta.verbose_name} {alert.subject_id}"
        return format_html('<a class="bt-link" href="{}">{}</a>', address, name)


def subject_address(alert: Alert) -> str:
    """The admin page of the record an alert is about; empty where there is none."""
    if not alert.subject_type or alert.subject_id is None:
        return ""
    try:
        options = apps.get_model(alert.subject_type)._meta
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(alert.subject_id,))
    except (LookupError, ValueError, NoReverseMatch):
        return ""


def needs(user: User) -> Iterable[Need]:
    """What is wrong and nobody looks after yet, for the home page."""
    if not user.has_perm("agency.view_alert"):
        return
    for alert in waiting_alerts(user):
        yield Need(
            title=alert.title,
            text=alert.todo or alert.text,
            url=reverse("admin:agency_alert_change", args=(alert.pk,)),
            tone=TONES[AlertSeverity(alert.severity)],
            since=alert.raised_at,
        )


register_needs(needs)
