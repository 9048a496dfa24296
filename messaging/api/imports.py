"""Imports of contact files: upload, status, rejected rows."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from django.http import FileResponse, Http404, HttpRequest
from ninja import Field, File, Form, Query, Router, Schema, UploadedFile
from pydantic import Json

from agency.api.access import actor_of_token, caller, client_or_404, token, visible_or_404
from agency.api.idempotency import idempotent
from agency.api.pages import Page, PageQuery, page_of
from agency.api.problems import ApiProblem
from agency.operations.bulk_reads import note_bulk_read
from agency.rules.roles import IMPORT_CONTACTS, PERSONAL_DATA
from messaging.api.fields import RecordId, Short, Slug
from messaging.models import ContactImport
from messaging.operations.imports import create_import, store_upload
from messaging.selectors.visible import visible_imports

router = Router()
read = token("imports:read", "messaging.view_contactimport")


class ImportOut(Schema):
    """An import; counts are rows of the file."""

    id: int
    client: str
    file_name: str
    state: str
    dry_run: bool
    percent: int
    error: str
    rows: int
    created: int
    updated: int
    unchanged: int
    merged: int
    rejected: int
    rejected_reasons: dict[str, int]
    created_at: datetime
    finished_at: datetime | None


class ImportForm(Schema):
    """How the file is to be read."""

    client: Slug
    dry_run: bool = Field(False, description="Count what would happen, write nothing")
    mapping: Json[Annotated[dict[Short, Short], Field(max_length=200)]] = Field(
        {}, description='JSON object: column of the file → field, e.g. {"Fone": "phone"}; other columns are detected'
    )


class ImportQuery(PageQuery):
    """Which imports."""

    client: Slug | None = None


def import_out(record: ContactImport) -> ImportOut:
    """An import as the API shows it."""
    counts = {name: getattr(record, name) for name in ("rows", "created", "updated", "unchanged", "merged", "rejected")}
    return ImportOut(
        id=record.pk,
        client=record.client.slug,
        file_name=record.file_name,
        state=record.state,
        dry_run=record.dry_run,
        percent=record.percent,
        error=record.error,
        rejected_reasons=record.rejected_reasons,
        created_at=record.created_at,
        finished_at=record.finished_at,
        **counts,
    )


@router.post(
    "/contacts/imports",
    response={202: ImportOut},
    auth=token("imports:write", IMPORT_CONTACTS),
    summary="Import a file of contacts",
)
@idempotent
def upload(request: HttpRequest, form: Form[ImportForm], file: File[UploadedFile]) -> tuple[int, Schema]:
    """CSV or XLSX. The file is checked at once and imported in the background."""
    client = client_or_404(request, form.client)
    path = store_upload(file.chunks())
    try:
        record = create_import(
            client=client,
            path=path,
            file_name=(file.name or "upload").replace("\x00", ""),
            mapping=form.mapping,
            dry_run=form.dry_run,
            actor=actor_of_token(request),
        )
    except Exception:
        path.unlink(missing_ok=True)
        raise
    return 202, import_out(record)


@router.get("/contacts/imports", response=Page[ImportOut], auth=read, summary="List imports")
def list_imports(request: HttpRequest, query: Query[ImportQuery]) -> dict[str, Any]:
    """Newest first."""
    imports = visible_imports(caller(request))
    if query.client is not None:
        imports = imports.filter(client=client_or_404(request, query.client))
    rows, cursor = page_of(imports, query)
    return {"items": [import_out(record) for record in rows], "next_cursor": cursor}


@router.get("/contacts/imports/{int:import_id}", response=ImportOut, auth=read, summary="Read an import")
def read_import(request: HttpRequest, import_id: RecordId) -> ImportOut:
    """One import with its progress."""
    return import_out(visible_or_404(visible_imports(caller(request)), import_id))


@router.get(
    "/contacts/imports/{int:import_id}/rejected",
    auth=read,
    summary="Download rejected rows",
    response={200: Any},
    openapi_extra={"responses": {200: {"description": "CSV", "content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def rejected_rows(request: HttpRequest, import_id: RecordId) -> FileResponse:
    """The refused rows with their reasons, as CSV. 404 while there are none."""
    record = visible_or_404(visible_imports(caller(request)), import_id)
    if not caller(request).has_perm(PERSONAL_DATA):
        raise ApiProblem(403, "permission_missing", f"The token's person lacks the permission {PERSONAL_DATA}.")
    path = Path(record.rejected_path)
    if not record.rejected_path or not path.is_file():
        raise Http404
    note_bulk_read(
        subject=record,
        client=record.client,
        what="rejected_rows",
        details={"rows": record.rejected},
        actor=actor_of_token(request),
    )
    return FileResponse(path.open("rb"), as_attachment=True, filename="rejected.csv", content_type="text/csv")
