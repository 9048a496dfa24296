"""Accounts, team and who sees which client."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, calls
from agency.admin.forms import records_field
from agency.kit.actor import Actor
from agency.models import Client, ClientGrant, Employee, User
from agency.operations.accounts import change_access, invite_person, repeat_invitation, switch_account
from agency.operations.employees import change_employee, create_employee
from agency.rules.roles import INVITE_PEOPLE
from agency.selectors.access import visible_clients, visible_employees, visible_grants, visible_users
from agency.states import Role

# Second factors, sessions and addresses belong to their person (`/accounts/`); groups are kept in code.
for _private in (Group, EmailAddress, Authenticator, UserSession):
    if admin.site.is_registered(_private):
        admin.site.unregister(_private)


class AccessForm(ButtonForm):
    """Role and clients of one person."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices)
    clients = forms.ModelMultipleChoiceField(
        Client.objects.none(),
        required=False,
        label=gettext_lazy("Clients"),
        help_text=gettext_lazy("Directors see all clients; everybody else sees those chosen here."),
    )

    def narrow(self) -> None:
        records_field(self, "clients").queryset = visible_clients(self.user)
        if isinstance(self.record, User):
            self.initial.setdefault("role", self.record.groups.values_list("name", flat=True).first())
            self.initial.setdefault("clients", list(self.record.client_grants.values_list("client", flat=True)))


class InvitationForm(AccessForm):
    """Whom to invite."""

    email = forms.EmailField(label=gettext_lazy("E-mail"))
    name = forms.CharField(label=gettext_lazy("Name"), max_length=150, required=False)
    field_order = ("email", "name", "role", "clients")


def _invite(actor: Actor, record: None, answers: Mapping[str, Any]) -> str:
    user = invite_person(actor=actor, **{name: answers[name] for name in ("email", "name", "role", "clients")})
    return _("%(email)s is invited; the link works for seven days.") % {"email": user.email}


def _change_access(actor: Actor, record: User, answers: Mapping[str, Any]) -> str:
    change_access(actor=actor, user_id=record.pk, role=answers["role"], clients=answers["clients"])
    return _("The access was changed.")


def _switch_off_warning(record: User) -> str:
    return _("%(name)s will be signed out everywhere at once.") % {"name": record.get_username()}


@admin.register(User)
class UserAdmin(RecordAdmin):
    """Who can sign in. Passwords, second factors and sessions are the person's own matter, at `/accounts/`."""

    visible_to = staticmethod(visible_users)
    list_select_related = ()
    list_display = ("username", "full_name", "roles", "is_active", "last_login")
    list_filter = ("is_active",)
    fields = (
        "username",
        "email",
        "full_name",
        "roles",
        "language",
        "time_zone",
        "is_active",
        "last_login",
        "date_joined",
    )
    readonly_fields = ("full_name", "roles")
    list_buttons = (
        OperationButton(
            "invite",
            gettext_lazy("Invite somebody"),
            INVITE_PEOPLE,
            run=_invite,
            form=InvitationForm,
            icon="person_add",
            variant=ActionVariant.PRIMARY,
        ),
    )
    buttons = (
        OperationButton(
            "invite-again",
            gettext_lazy("Send the invitation again"),
            INVITE_PEOPLE,
            run=calls(repeat_invitation, "user_id", gettext_lazy("The invitation is on its way again.")),
            shown=lambda user: user.is_active and not user.has_usable_password(),
        ),
        OperationButton(
            "access", gettext_lazy("Change role and clients"), INVITE_PEOPLE, run=_change_access, form=AccessForm
        ),
        OperationButton(
            "switch-off",
            gettext_lazy("Switch off"),
            INVITE_PEOPLE,
            run=calls(
                partial(switch_account, active=False),
                "user_id",
                gettext_lazy("The account is off; its sessions and API tokens have ended."),
            ),
            warning=_switch_off_warning,
            shown=lambda user: user.is_active,
            variant=ActionVariant.DANGER,
        ),
        OperationButton(
            "switch-on",
            gettext_lazy("Switch on"),
            INVITE_PEOPLE,
            run=calls(partial(switch_account, active=True), "user_id", gettext_lazy("The account is on again.")),
            shown=lambda user: not user.is_active,
        ),
    )

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=gettext_lazy("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=gettext_lazy("role"))
    def roles(self, user: User) -> str:
        labels = dict(Role.choices)
        return ", ".join(str(labels.get(group.name, group.name)) for group in user.groups.all())


@admin.register(Employee)
class EmployeeAdmin(RecordAdmin):
    """The team."""

    visible_to = staticmethod(visible_employees)
    list_select_related = ("user",)
    list_display = ("name", "title", "email", "active")
    list_filter = ("active",)
    ordering = ("name",)
    add_fieldsets = ((None, {"fields": ("name", "title", "email", "phone", "user")}),)  # leaving the team is a change
    fields = ("name", "title", "email", "phone", "user", "active")
    masked_fields = {"phone": PERSONAL}

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Employee:
        """A new member of the team."""
        names = ("name", "title", "email", "user")
        given = {name: cleaned[name] for name in names}
        return create_employee(actor=actor, phone=cleaned.get("phone", ""), **given)

    def change_record(
        self, actor: Actor, employee: Employee, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Employee:
        """What is known of a member; a phone that the reader may not see stays."""
        names = ("name", "title", "email", "user", "active")
        given = {name: cleaned[name] for name in names}
        return change_employee(actor=actor, employee_id=employee.pk, phone=cleaned.get("phone"), **given)


@admin.register(ClientGrant)
class ClientGrantAdmin(RecordAdmin):
    """Who sees which client; changed on the person's page."""

    visible_to = staticmethod(visible_grants)
    list_select_related = ("user", "client")
    list_display = ("user", "client", "created_at")
    list_filter = ("client",)
