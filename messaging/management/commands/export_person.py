"""`manage.py export_person --client SLUG ADDRESS > person.json`: everything that is held about one person."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from agency.kit.actor import Actor
from messaging.models import Contact
from messaging.operations.person_files import take_out_person


class Command(BaseCommand):
    """For requests of people about their own data; each run leaves an audit entry."""

    help = "Write everything that is held about one person as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="a phone as +5511987654321, an e-mail, or a WhatsApp user id")
        parser.add_argument("--client", required=True, help="the client's short name")
        parser.add_argument("--why", default="", help="for the audit log, without naming the person")

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["address"]
        found = Contact.objects.filter(
            Q(phone=address) | Q(email=address.lower()) | Q(whatsapp_id=address), client__slug=options["client"]
        ).first()
        if found is None:
            raise CommandError("Nobody with this address at this client.")
        self.stdout.write(take_out_person(contact_id=found.pk, actor=Actor.system("export_person"), why=options["why"]))
