"""The team: who works at the agency, with or without an account."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Employee, User
from agency.operations.audit import record_audit


@transaction.atomic
def create_employee(
    *, actor: Actor, name: str, email: str = "", phone: str = "", title: str = "", user: User | None = None
) -> Employee:
    """Somebody new in the team. Raises `InvalidInput` that names the field to mend."""
    employee = Employee(active=True)
    _write(actor, employee, "create_employee", _checked(employee, name, email, phone, title, user))
    return employee


@transaction.atomic
def change_employee(
    *,
    actor: Actor,
    employee_id: int,
    name: str,
    email: str,
    phone: str | None,
    title: str,
    user: User | None,
    active: bool,
) -> Employee:
    """Change what is known of a member of the team; `phone` None leaves it. Leaving the team does not switch the account off. Raises `InvalidInput`."""
    employee = Employee.objects.select_for_update().get(pk=employee_id)
    number = employee.phone if phone is None else phone
    wanted = _checked(employee, name, email, number, title, user)
    _write(actor, employee, "change_employee", {**wanted, "active": active})
    return employee


def _write(actor: Actor, employee: Employee, action: str, wanted: dict[str, str | int | bool | None]) -> None:
    """Write what differs, with its audit entry; nothing when nothing does."""
    before = {name: getattr(employee, name) for name in wanted if getattr(employee, name) != wanted[name]}
    if not before:
        return
    new = employee.pk is None
    for name in before:
        setattr(employee, name, wanted[name])
    employee.save()
    after = {name: wanted[name] for name in before}
    record_audit(actor=actor, action=action, subject=employee, before={} if new else before, after=after)


def _checked(
    employee: Employee, name: str, email: str, phone: str, title: str, user: User | None
) -> dict[str, str | int | bool | None]:
    """The values in their normal form. Raises `InvalidInput`."""
    values = {"name": (name, 200), "phone": (phone, 20), "title": (title, 100)}
    checked: dict[str, str | int | bool | None] = {}
    for field, (text, most) in values.items():
        cleaned = " ".join(text.split())
        if len(cleaned) > most or not cleaned.isprintable():
            raise InvalidInput("bad_text", _("At most %(most)d characters.") % {"most": most}, field)
        checked[field] = cleaned
    if not checked["name"]:
        raise InvalidInput("bad_name", _("A name has 1 to 200 characters."), "name")
    address = email.strip().lower()
    if address:
        try:
            validate_email(address)
        except ValidationError as error:
            raise InvalidInput("bad_email", _("This is not an e-mail address."), "email") from error
    if user is not None and Employee.objects.filter(user=user).exclude(pk=employee.pk).exists():
        raise InvalidInput("account_taken", _("This account belongs to another member of the team."), "user")
    return {**checked, "email": address, "user_id": None if user is None else user.pk}
