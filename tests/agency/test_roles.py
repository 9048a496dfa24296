"""Roles are a table in code, and the groups follow it."""

import pytest
from django.contrib.auth.models import Group, Permission

from agency.kit.actor import Actor
from agency.models import AuditEntry, User
from agency.operations.roles import sync_roles
from agency.rules.roles import OWN_PERMISSIONS, ROLES, permissions_of
from agency.states import Role

KNOWN = {
    "agency.view_client",
    "agency.view_personal_data",
    "agency.view_money",
    "agency.run_campaigns",
    "agency.invite_people",
    "messaging.view_contact",
    "messaging.change_contact",
    "outreach.view_campaign",
    "outreach.add_campaign",
    "integrations.change_connection",
}


def test_every_role_is_in_the_table() -> None:
    assert set(ROLES) == set(Role.values)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("director", KNOWN),
        ("read_only", {"agency.view_client", "messaging.view_contact", "outreach.view_campaign"}),
        ("finance", {"agency.view_client", "agency.view_money", "outreach.view_campaign"}),
        (
            "agent",
            {"agency.view_client", "agency.view_personal_data", "messaging.view_contact", "messaging.change_contact"},
        ),
        (
            "tech",
            {
                "agency.view_client",
                "messaging.view_contact",
                "outreach.view_campaign",
                "integrations.change_connection",
            },
        ),
        ("nobody", set()),
    ],
)
def test_permissions_of_a_role(role: str, expected: set[str]) -> None:
    assert permissions_of(role, KNOWN) == expected


@pytest.mark.django_db
def test_migrating_made_the_groups_and_a_difference_is_repaired_once() -> None:
    known = {
        f"{label}.{codename}"
        for label, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }
    assert set(OWN_PERMISSIONS) <= known
    assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)
    user = User.objects.create_user("reader", "reader@example.com", "x")
    user.groups.add(Group.objects.get(name=Role.READ_ONLY))
    assert user.has_perm("messaging.view_contact")
    assert not user.has_perm("agency.view_personal_data")

    Group.objects.get(name=Role.READ_ONLY).permissions.add(Permission.objects.get(codename="run_campaigns"))
    AuditEntry.objects.all().delete()
    sync_roles(actor=Actor.system("test"))
    sync_roles(actor=Actor.system("test"))
    assert not User.objects.get(pk=user.pk).has_perm("agency.run_campaigns")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["role"], entry.after["removed"], entry.after["added"]) == (
        "sync_roles",
        "read_only",
        1,
        0,
    )
