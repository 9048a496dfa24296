"""An uploaded file between its arrival and its import: kept, looked at, tried out, started, or thrown away."""

from collections.abc import Mapping
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.imports.opening import open_rows
from messaging.imports.rows import UnreadableFile
from messaging.models import ContactImport
from messaging.operations.imports import check_file, file_digest
from messaging.rules.addresses import is_country
from messaging.rules.columns import MAX_COLUMNS
from messaging.selectors.imports import kept_file, may_discard, may_start
from messaging.states import ImportState


def receive_file(*, client: Client, path: Path, file_name: str, actor: Actor) -> ContactImport:
    """Keep an uploaded file until somebody has looked at its columns. Raises InvalidInput for what is no table."""
    try:
        source = open_rows(path)
    except UnreadableFile as error:
        raise InvalidInput(error.code, error.text, field="file") from error
    source.close()
    if len(source.header) > MAX_COLUMNS:
        text = _("The file has %(number)d columns; at most %(most)d can be read.")
        raise InvalidInput("too_many", text % {"number": len(source.header), "most": MAX_COLUMNS}, field="file")
    digest = file_digest(path)
    with transaction.atomic():
        record = ContactImport.objects.create(
            client=client,
            file_name=file_name[-255:],
            stored_path=str(path),
            digest=digest,
            state=ImportState.DRAFT,
            bytes_total=path.stat().st_size,
            created_by_id=actor.user_id,
        )
        record_audit(
            actor=actor,
            action="contact_import.receive",
            subject=record,
            client=client,
            after={"file": record.file_name, "sha256": digest, "bytes": record.bytes_total},
        )
    return record


def start_import(
    *, import_id: int, mapping: Mapping[str, str], country: str, dry_run: bool, actor: Actor
) -> ContactImport:
    """Run a kept file in the background, for the first time, after a dry run, or again after a failure.

    Raises OperationRefused when it runs or has run, InvalidInput for a mapping or country that cannot be used.
    """
    if country and not is_country(country):
        raise InvalidInput("bad_country", _("Write the country as two letters, for example BR."), field="country")
    with transaction.atomic():
        record = ContactImport.objects.select_for_update(of=("self",)).select_related("client").get(pk=import_id)
        path = kept_file(record)
        if not may_start(record):
            raise OperationRefused("already_started", _("This file is being imported, or has been, already."))
        if path is None:
            raise OperationRefused("file_gone", _("The file is not kept any more. Upload it again."))
        check_file(path, mapping)
        record.mapping, record.country, record.dry_run = dict(mapping), country, dry_run
        record.state, record.error, record.attempts = ImportState.WAITING, "", 0
        record.rows = record.created = record.updated = record.unchanged = record.merged = record.rejected = 0
        record.bytes_done = record.percent = record.rows_per_second = 0
        record.rejected_path, record.rejected_reasons = "", {}
        record.started_at = record.finished_at = record.expected_at = None
        record.heartbeat_at = timezone.now()
        record.save()
        record_audit(
            actor=actor,
            action="contact_import.start",
            subject=record,
            client=record.client,
            after={"dry_run": dry_run, "mapping": dict(mapping), "country": country},
        )
        enqueue_after_commit("messaging.import_contacts", record.pk)
    return record


def discard_import(*, import_id: int, actor: Actor) -> None:
    """Throw a kept file away that has not been imported. Raises OperationRefused once contacts came of it, or while it runs."""
    with transaction.atomic():
        record = ContactImport.objects.select_for_update(of=("self",)).select_related("client").get(pk=import_id)
        if not may_discard(record):
            raise OperationRefused("already_started", _("This file is being imported, or has been, already."))
        record_audit(
            actor=actor,
            action="contact_import.discard",
            subject=record,
            client=record.client,
            before={"file": record.file_name, "sha256": record.digest},
        )
        path, rejected = kept_file(record), record.rejected_path
        record.delete()
    if path is not None:
        path.unlink(missing_ok=True)
        if rejected:
            Path(rejected).unlink(missing_ok=True)
