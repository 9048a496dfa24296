"""The life of a contact import: stored, running, done or failed."""

import datetime
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.kit.queue import enqueue, enqueue_after_commit
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.imports.opening import MAX_FILE, open_rows
from messaging.imports.rows import UnreadableFile
from messaging.models import ContactImport
from messaging.operations.merge_contacts import MergeCounts
from messaging.operations.staging import drop_abandoned_stages
from messaging.rules.columns import MappingProblem, detect_columns, has_address
from messaging.selectors.imports import running_imports, stalled_imports
from messaging.states import ImportState

MAX_ATTEMPTS = 3  # a file that kills its process this often is not tried again
_BLOCK = 1024 * 1024


def store_upload(chunks: Iterable[bytes]) -> Path:
    """Write an uploaded file below MEDIA_ROOT, which no web server serves, under a name of our own. Raises InvalidInput."""
    folder = Path(settings.MEDIA_ROOT) / "imports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{secrets.token_hex(16)}.upload"
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_FILE:
                path.unlink()
                raise InvalidInput("too_large", _("The file is larger than 1 GB. Split it."), field="file")
            file.write(chunk)
    return path


def create_import(
    *,
    client: Client,
    path: Path,
    file_name: str,
    mapping: Mapping[str, str],
    dry_run: bool,
    actor: Actor,
    country: str = "",
    start: bool = True,
) -> ContactImport:
    """Note a file to be imported and, unless the caller runs it itself, start it in the background.

    Looks at the header first: raises InvalidInput for a file or mapping that cannot be used.
    """
    check_file(path, mapping)
    with transaction.atomic():
        record = ContactImport.objects.create(
            client=client,
            file_name=file_name[-255:],
            stored_path=str(path),
            digest=file_digest(path),
            mapping=dict(mapping),
            country=country,
            dry_run=dry_run,
            bytes_total=path.stat().st_size,
            created_by_id=actor.user_id,
        )
        record_audit(
            actor=actor,
            action="contact_import.create",
            subject=record,
            client=client,
            after={"file": record.file_name, "sha256": record.digest, "dry_run": dry_run, "mapping": dict(mapping)},
        )
        if start:
            enqueue_after_commit("messaging.import_contacts", record.pk)
    return record


def check_file(path: Path, mapping: Mapping[str, str]) -> None:
    """Raise InvalidInput when the file cannot be read, or its columns give no address."""
    try:
        source = open_rows(path)
    except UnreadableFile as error:
        raise InvalidInput(error.code, error.text, field="file") from error
    source.close()
    try:
        columns = detect_columns(source.header, mapping)
    except MappingProblem as error:
        raise InvalidInput("bad_mapping", str(error), field="mapping") from error
    if not has_address(columns):
        text = _("No column holds a phone, an e-mail or a WhatsApp id. Name one in the mapping. Columns: %(columns)s.")
        raise InvalidInput("no_address_column", text % {"columns": ", ".join(source.header)}, field="mapping")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def begin_import(*, record_id: int) -> ContactImport | None:
    """Take an import that waits, or one whose process was lost. None when there is nothing to do (done or failed)."""
    with transaction.atomic():
        record = ContactImport.objects.select_for_update(of=("self",)).select_related("client").get(pk=record_id)
        if record.state not in {ImportState.WAITING, ImportState.RUNNING}:
            return None
        if record.attempts >= MAX_ATTEMPTS:
            _close(record, ImportState.FAILED, _("The import was interrupted again and again."))
            return None
        record.state = ImportState.RUNNING
        record.attempts += 1
        record.started_at = record.started_at or timezone.now()
        record.heartbeat_at = timezone.now()
        record.save(update_fields=["state", "attempts", "started_at", "heartbeat_at"])
    return record


def note_progress(
    *, record_id: int, bytes_done: int, rows: int, percent: int, rows_per_second: int, expected_at: datetime.datetime
) -> None:
    """Show how far a running import is."""
    ContactImport.objects.filter(pk=record_id, state=ImportState.RUNNING).update(
        bytes_done=bytes_done,
        rows=rows,
        percent=Greatest(F("percent"), percent),
        rows_per_second=rows_per_second,
        expected_at=expected_at,
        heartbeat_at=Now(),
    )


def add_merged(*, record_id: int, created: int, updated: int) -> None:
    """Count the contacts of one short transaction, inside it: an import that is started again goes on counting."""
    if created or updated:
        ContactImport.objects.filter(pk=record_id).update(
            created=F("created") + created, updated=F("updated") + updated
        )


def finish_import(
    *, record_id: int, counts: MergeCounts, reasons: Mapping[str, int], rejected_path: Path | None, actor: Actor
) -> ContactImport:
    """Close an import with its counts and the one audit entry for all its contacts."""
    with transaction.atomic():
        record = ContactImport.objects.select_for_update(of=("self",)).select_related("client").get(pk=record_id)
        record.rows, record.created, record.updated = counts.rows, counts.created, counts.updated
        record.unchanged, record.merged, record.rejected = counts.unchanged, counts.merged, counts.rejected
        record.rejected_reasons = dict(reasons)
        record.rejected_path = str(rejected_path or "")
        record.bytes_done, record.percent = record.bytes_total, 100
        _close(record, ImportState.DONE, "")
        if not record.dry_run:
            record_audit(
                actor=actor,
                action="contact_import.finish",
                subject=record,
                client=record.client,
                after={
                    "rows": counts.rows,
                    "created": counts.created,
                    "updated": counts.updated,
                    "rejected": counts.rejected,
                },
            )
    return record


def fail_import(*, record_id: int, error: str, actor: Actor) -> ContactImport:
    """Close an import that cannot succeed. `error` is a sentence for the person."""
    with transaction.atomic():
        record = ContactImport.objects.select_for_update(of=("self",)).select_related("client").get(pk=record_id)
        _close(record, ImportState.FAILED, error)
        record_audit(
            actor=actor, action="contact_import.fail", subject=record, client=record.client, after={"error": error}
        )
    return record


def resume_imports() -> int:
    """Start again the imports whose process or nudge was lost, and clear what dead ones left. Returns how many."""
    stalled = stalled_imports()
    for record_id in stalled:
        enqueue("messaging.import_contacts", record_id)
    drop_abandoned_stages(running_imports)
    return len(stalled)


def _close(record: ContactImport, state: ImportState, error: str) -> None:
    record.state, record.error = state, error
    record.finished_at = timezone.now()
    record.expected_at = None
    if record.started_at and record.finished_at > record.started_at:
        seconds = (record.finished_at - record.started_at).total_seconds()
        record.rows_per_second = int(record.rows / max(seconds, 0.001))
    record.save()
