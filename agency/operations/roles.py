"""Keeping the role groups equal to the table in code."""

from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction

from agency.kit.actor import Actor
from agency.models import AuditEntry
from agency.operations.audit import record_audit
from agency.rules.roles import ROLES, permissions_of


@transaction.atomic
def sync_roles(*, actor: Actor) -> dict[str, int]:
    """Make every role a group with exactly the permissions of `agency.rules.roles`. Returns how many permissions each role has.

    Safe to repeat; only a real difference is written and audited.
    """
    by_name = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    counts = {}
    for role in ROLES:
        group, made = Group.objects.get_or_create(name=role)
        wanted = {by_name[name].pk for name in permissions_of(role, by_name)}
        present = set(group.permissions.values_list("pk", flat=True))
        if made or wanted != present:
            group.permissions.set(wanted)
            record_audit(
                actor=actor,
                action="sync_roles",
                subject=group,
                before={"permissions": len(present)},
                after={
                    "role": role,
                    "permissions": len(wanted),
                    "added": len(wanted - present),
                    "removed": len(present - wanted),
                },
            )
        counts[role] = len(wanted)
    return counts


def sync_roles_after_migrate(**kwargs: object) -> None:
    """Django calls this after `migrate`; new permissions reach the roles without anybody's doing."""
    if AuditEntry._meta.db_table in connection.introspection.table_names():
        sync_roles(actor=Actor.system("migrate"))
