"""Running a contact import: read the file into the stage, merge it, write the rejected rows beside it.

Safe to run again at any time: a process that was killed leaves an import that another takes up; what was merged before
counts as it did, and nothing is merged twice.
"""

import csv
from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import override

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from messaging.imports.normalising import Normaliser
from messaging.imports.opening import open_rows
from messaging.imports.rows import UnreadableFile
from messaging.models import ContactImport
from messaging.operations.imports import add_merged, begin_import, fail_import, finish_import
from messaging.operations.merge_contacts import (
    ChunkDone,
    MergeCounts,
    MergeSource,
    count_rows,
    foresee_merge,
    merge_staged,
)
from messaging.operations.staging import (
    Stage,
    StageWriter,
    one_at_a_time,
    rejected_reasons,
    rejected_rows,
    staging,
)
from messaging.rules.columns import MappingProblem, detect_columns
from messaging.runners.import_progress import ImportProgress, Phase
from messaging.states import RejectReason

ANALYZE_FROM = 10_000  # new contacts after which the planner is told at once
_DANGEROUS_STARTS = ("=", "+", "-", "@", "\t", "\r")

ACTOR = Actor.system("messaging.import_contacts")


def run_import(record_id: int, *, on_progress: Callable[[ImportProgress], None] | None = None) -> ContactImport | None:
    """Run an import to its end. None when another process runs it or it is already closed.

    A file that cannot be read ends as failed, with its
    sentence; any other error leaves the import running, to be taken up again.
    """
    with one_at_a_time(f"contact_import:{record_id}", wait=False) as is_mine:
        record = begin_import(record_id=record_id) if is_mine else None
        if record is None:
            return None
        try:
            return _run(record, ImportProgress(record, on_progress))
        except UnreadableFile as error:
            return fail_import(record_id=record_id, error=error.text, actor=ACTOR)
        except (MappingProblem, OperationRefused) as error:
            return fail_import(record_id=record_id, error=str(error), actor=ACTOR)


def _run(record: ContactImport, progress: ImportProgress) -> ContactImport:
    with staging(str(record.pk)) as stage:
        refused = _stage_file(stage, record, progress)
        counts = (
            foresee_merge(stage, record.client_id, refused)
            if record.dry_run
            else _merge(stage, record, refused, progress)
        )
        progress.enter(Phase.WRITING)
        reasons = rejected_reasons()
        # Whoever mends the rows is the client's: the file speaks as the client does, not as this process.
        with override(record.client.language):
            path = write_rejected(Path(record.stored_path)) if counts.rejected else None
    if counts.created >= ANALYZE_FROM and not record.dry_run:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE messaging_contact")
    return finish_import(record_id=record.pk, counts=counts, reasons=reasons, rejected_path=path, actor=ACTOR)


def _stage_file(stage: Stage, record: ContactImport, progress: ImportProgress) -> int:
    """Read the file into the stage. Returns how many rows were refused."""
    progress.enter(Phase.READING)
    source = open_rows(Path(record.stored_path))
    refused = 0
    try:
        normaliser = Normaliser(
            detect_columns(source.header, record.mapping),
            record.country or record.client.country,
            check_characters=source.has_unreadable_characters,
        )
        with StageWriter(stage) as writer:
            for batch in source.batches():
                staged = normaliser.normalise(batch)
                refused += len(staged.refused)
                rows = staged.frame.write_csv(include_header=False).encode()
                writer.write(rows, [(row.number, row.reason.value) for row in staged.refused])
                progress.read(rows=len(batch), bytes_done=source.bytes_done)
    finally:
        source.close()
    return refused


def _merge(stage: Stage, record: ContactImport, refused: int, progress: ImportProgress) -> MergeCounts:
    """Merge, one import of a client at a time. Counts what earlier attempts have merged, too."""
    progress.enter(Phase.MERGING)
    source = MergeSource(
        source=f"import: {record.file_name}",
        proof={"file": record.file_name, "sha256": record.digest, "import": record.pk},
        recorded_at=record.created_at,
    )

    def on_chunk(chunk: ChunkDone) -> None:
        add_merged(record_id=record.pk, created=chunk.created, updated=chunk.updated)
        progress.merged(share=chunk.share)

    with one_at_a_time(f"contacts:{record.client_id}", wait=True):
        merge_staged(stage, record.client_id, source, on_chunk)
    record.refresh_from_db(fields=["created", "updated"])
    return count_rows(record.created, record.updated, refused)


def write_rejected(path: Path) -> Path:
    """Write `<file>.rejected.csv`: row number, reason, and the row as it was, safe to open in a spreadsheet.

    The file is read once more for it, so that the rows need not be kept until the merge has judged them.
    """
    target = path.with_name(f"{path.name}.rejected.csv")
    reasons = rejected_rows()
    wanted, reason = next(reasons, (0, ""))
    source = open_rows(path)
    try:
        with target.open("w", encoding="utf-8-sig", newline="") as file:
            target.chmod(0o600)
            writer = csv.writer(file)
            writer.writerow([_("row"), _("reason"), *(_safe(header) for header in source.header)])
            for batch in source.batches():
                index_of = {number: index for index, number in enumerate(batch.numbers.to_list())}
                refused = {row.number: row.cells for row in batch.refused}
                last = max((*index_of, *refused), default=0)
                while wanted and wanted <= last:
                    cells = batch.cells.row(index_of[wanted]) if wanted in index_of else refused.get(wanted, ())
                    writer.writerow([wanted, str(RejectReason(reason).label), *(_safe(cell) for cell in cells)])
                    wanted, reason = next(reasons, (0, ""))
    finally:
        source.close()
    return target


def _safe(cell: str) -> str:
    """No formula when opened in a spreadsheet, nothing unreadable, no cell of megabytes."""
    text = cell[:1000].replace("\0", "�")
    return f"'{text}" if text.startswith(_DANGEROUS_STARTS) else text
