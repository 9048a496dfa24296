"""`manage.py rotate_secrets`: seal every connection's secrets with the newest of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agency.kit.actor import Actor
from integrations.operations.connections import rotate_secrets


class Command(BaseCommand):
    """Run it after putting a new key first; when it says all is done, the old key may be dropped."""

    help = "Seal the secrets of all connections with the newest of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, say how many, and fail when some could not be read."""
        rotated, unreadable = rotate_secrets(actor=Actor.system("integrations.rotate_secrets"))
        self.stdout.write(f"{rotated} connection(s) sealed anew")
        if unreadable:
            raise CommandError(
                f"No key opens the secrets of connection(s) {', '.join(map(str, unreadable))}: "
                "add the key they were sealed with to ENCRYPTION_KEYS, or enter the secrets again."
            )
