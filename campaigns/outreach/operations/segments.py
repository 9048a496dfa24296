"""Making and changing segments."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from campaigns.outreach.models import Segment
from campaigns.outreach.rules.segment import ENGAGED, INACTIVE, NEW_LAST_WEEK, read_segment, write_segment


def create_segment(*, client: Client, name: str, conditions: Mapping[str, Any], actor: Actor) -> Segment:
    """Keep a filter under a name. Raises `InvalidInput` for a wrong tree or a name already taken."""
    tree = write_segment(read_segment(conditions))
    try:
        with transaction.atomic():
            segment = Segment.objects.create(client=client, name=_name(name), conditions=tree)
            record_audit(
                actor=actor, action="create_segment", subject=segment, client=client, after={"conditions": tree}
            )
    except IntegrityError as error:
        raise _taken(name) from error
    return segment


def change_segment(*, segment_id: int, name: str, conditions: Mapping[str, Any], actor: Actor) -> Segment:
    """Change name and conditions. Executions that have begun keep the people they have; later ones use the new conditions."""
    tree = write_segment(read_segment(conditions))
    try:
        with transaction.atomic():
            segment = Segment.objects.select_for_update(of=("self",)).select_related("client").get(pk=segment_id)
            before = {"name": segment.name, "conditions": segment.conditions}
            segment.name, segment.conditions = _name(name), tree
            segment.save(update_fields=["name", "conditions"])
            record_audit(
                actor=actor,
                action="change_segment",
                subject=segment,
                client=segment.client,
                before=before,
                after={"name": segment.name, "conditions": tree},
            )
    except IntegrityError as error:
        raise _taken(name) from error
    return segment


@transaction.atomic
def add_usual_segments(*, client: Client, actor: Actor) -> list[Segment]:
    """The segments every client needs, named in the client's language. Returns those that were not there yet."""
    with override(client.language):
        usual = ((_("New in 7 days"), NEW_LAST_WEEK), (_("Engaged"), ENGAGED), (_("Inactive for 30 days"), INACTIVE))
    present = set(Segment.objects.filter(client=client).values_list("name", flat=True))
    return [
        create_segment(client=client, name=name, conditions=write_segment(tree), actor=actor)
        for name, tree in usual
        if name not in present
    ]


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 120:
        raise InvalidInput("invalid_name", _("Give it a name of at most 120 characters."), field="name")
    return name


def _taken(name: str) -> InvalidInput:
    return InvalidInput(
        "name_taken", _("This client already has a segment called “%(name)s”.") % {"name": name}, "name"
    )
