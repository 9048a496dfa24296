"""Make the role groups equal to the table in code: `manage.py sync_roles`. `migrate` does the same."""

from typing import Any

from django.core.management.base import BaseCommand

from agency.kit.actor import Actor
from agency.operations.roles import sync_roles


class Command(BaseCommand):
    """Safe to repeat."""

    help = "Make the role groups equal to agency/rules/roles.py."

    def handle(self, *args: Any, **options: Any) -> None:
        for role, number in sync_roles(actor=Actor.system("sync_roles")).items():
            self.stdout.write(f"{role}: {number} permissions")
