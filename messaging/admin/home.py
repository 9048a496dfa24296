"""What messaging puts on the home page."""

from collections.abc import Iterable

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.words import moment, number
from agency.kit.home import Mover, Need, Tone, register_movers, register_needs
from agency.models import User
from messaging.kit.owners import owners_of
from messaging.models import ContactImport
from messaging.selectors.home import failed_imports, moving_imports, rejected_templates, restricted_senders
from messaging.selectors.recipients import dead_letter_jobs
from messaging.states import ImportState

NAMED = 2  # jobs that a sentence names
MEND = gettext_lazy("Mend the cause, then let it send again.")
SEE_WHY = gettext_lazy("Open it to see why.")


def needs(user: User) -> Iterable[Need]:
    """Senders that were stopped, messages that were given up, imports that failed, templates that were refused."""
    if user.has_perm("messaging.view_sender"):
        for sender in restricted_senders(user):
            yield Need(
                title=_("Sender %(name)s was stopped") % {"name": sender.name},
                text=f"{sender.client} · {sender.state_why or MEND}",
                url=_page(sender),
                tone=Tone.BROKEN,
            )
    if user.has_perm("messaging.view_deadletter"):
        yield from _given_up(user)
    if user.has_perm("messaging.view_contactimport"):
        for record in failed_imports(user, timezone.now()):
            yield Need(
                title=_("The import of %(file)s failed") % {"file": record.file_name},
                text=f"{record.client} · {record.error or SEE_WHY}",
                url=_page(record),
                tone=Tone.BROKEN,
                since=record.finished_at or record.created_at,
            )
    if user.has_perm("messaging.view_template"):
        for template in rejected_templates(user):
            yield Need(
                title=_("Template %(name)s was refused by its provider") % {"name": template.name},
                text=_("%(client)s · change its words and submit it again.") % {"client": template.client},
                url=_page(template),
                tone=Tone.LOOK,
            )


def _given_up(user: User) -> Iterable[Need]:
    """Dead letters together, from the totals."""
    jobs = dead_letter_jobs(user)
    people = sum(found.number for found in jobs)
    if not people:
        return
    words = ngettext("%(number)s message was given up", "%(number)s messages were given up", people)
    names = [owner.label for owner in owners_of([found.job.pk for found in jobs[:NAMED]]).values()]
    yield Need(
        title=words % {"number": number(people)},
        text=" · ".join([*names, _("every attempt failed; mend the cause, then try them again.")]),
        url=reverse("admin:messaging_deadletter_changelist"),
        tone=Tone.LOOK,
    )


def movers(user: User) -> Iterable[Mover]:
    """Imports with their bars."""
    if user.has_perm("messaging.view_contactimport"):
        yield from map(_import, moving_imports(user))


def _import(record: ContactImport) -> Mover:
    waiting = record.state == ImportState.WAITING
    parts = [str(record.client), str(record.get_state_display())]
    if record.rows:
        parts.append(_("%(rows)s rows") % {"rows": number(record.rows)})
    if record.rows_per_second:
        parts.append(_("%(rows)s a second") % {"rows": number(record.rows_per_second)})
    if record.expected_at:
        parts.append(_("done by %(time)s") % {"time": moment(record.expected_at)})
    return Mover(
        title=_("Import of %(file)s") % {"file": record.file_name},
        text=" · ".join(parts),
        url=_page(record),
        tone=Tone.WAITING if waiting else Tone.MOVING,
        icon="upload_file",
        percent=record.percent,
    )


def _page(record: models.Model) -> str:
    """The record's page."""
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=(record.pk,))


register_needs(needs)
register_movers(movers)
