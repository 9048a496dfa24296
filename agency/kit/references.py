"""References that the database does not watch: hot tables hold ids without a foreign key, and a nightly look makes up for it.

A model's foreign key with `db_constraint=False` is found by itself; a plain column of ids is declared in `apps.py`:

    declare_reference("messaging.DeliveryEvent", "recipient_id", "messaging.Recipient")
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A column of a model (labels as in `app.Model`) whose values are ids of another; `many` for a column of arrays."""

    model: str
    column: str
    target: str
    many: bool = False

    @property
    def name(self) -> str:
        """How reports and the command call it: `messaging.Recipient.contact_id`."""
        return f"{self.model}.{self.column}"


_declared: set[Reference] = set()
_erasures: dict[str, str] = {}


def declare_reference(model: str, column: str, target: str, *, many: bool = False) -> None:
    """Let the nightly look follow this column; declaring twice is harmless."""
    _declared.add(Reference(model, column, target, many))


def declare_erasure(target: str, action: str) -> None:
    """Records of this model are deleted on purpose, each with an audit entry of this action: what points at such a one is no orphan."""
    _erasures[target] = action


def erasure_of(target: str) -> str:
    """The audit action under which records of this model are deleted on purpose; empty: they never are."""
    return _erasures.get(target, "")


def declared_references() -> tuple[Reference, ...]:
    """Every declared reference, in order of name."""
    return tuple(sorted(_declared))
