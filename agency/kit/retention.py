"""How long records are kept: each package declares it in its `apps.py`, next to the operation that deletes a piece of them.

A declaration brings a daily slot schedule, a row of `docs/retention.md`, and a name for `manage.py retention`. The days are
a setting, `KEEP_<NAME>_DAYS`, read into `settings.KEEP_DAYS`.
"""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from agency.kit.schedules import Missed, declare_schedule

PRUNE_TASK = "agency.prune_records"


@dataclass(frozen=True, slots=True)
class Retention:
    """`name` is the key in `settings.KEEP_DAYS`; `model` the label of what goes; `piece` the dotted name of an operation
    `(*, limit: int) -> int` that deletes at most `limit` of the oldest, in its own transaction, and says how many."""

    name: str
    model: str
    piece: str
    what: str
    why: str
    rule: str
    limit: int

    @property
    def setting(self) -> str:
        """The environment variable that holds the days."""
        return f"KEEP_{self.name.upper()}_DAYS"


DELETES = gettext_noop("deletes after its days")
_declared: dict[str, Retention] = {}


def declare_retention(
    name: str, *, model: str, piece: str, what: str, why: str, rule: str, limit: int = 10_000, task: str = PRUNE_TASK
) -> Retention:
    """Declare what is deleted when; `what` (marked for translation) and `why` are English sentences for `docs/retention.md`. For `apps.py: ready()`."""
    package = model.partition(".")[0]
    retention = Retention(name, model, piece, what, why, rule, limit)
    _declared[name] = retention
    declare_schedule(
        f"{package}.prune_{name}",
        task,
        queue="maintenance",
        rule=rule,
        missed=Missed.LATEST,
        kwargs={"name": name} if task == PRUNE_TASK else {},
        description=f"{DELETES}: {what}",
    )
    return retention


def declared_retentions() -> tuple[Retention, ...]:
    """Every declaration, ordered by name."""
    return tuple(_declared[name] for name in sorted(_declared))


def retention_of(name: str) -> Retention:
    """One declaration. Raises KeyError."""
    return _declared[name]
