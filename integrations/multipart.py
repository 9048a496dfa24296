"""A form with files, as HTTP clients send it; `SyncHttpClient.request(content=…, headers={"content-type": …})` takes the two halves."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a form. `name` is what the service's documentation calls the field."""

    name: str
    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"


def multipart_form(fields: Mapping[str, str], files: Sequence[FilePart]) -> tuple[bytes, str]:
    """The body and its content type. Names and filenames are quoted as browsers do (WHATWG HTML, 4.10.21.8)."""
    boundary = f"batuta-{secrets.token_hex(16)}"
    pieces: list[bytes] = []
    for name, value in fields.items():
        pieces += _part(boundary, f'name="{_quoted(name)}"', "", value.encode())
    for file in files:
        disposition = f'name="{_quoted(file.name)}"; filename="{_quoted(file.filename)}"'
        pieces += _part(boundary, disposition, file.content_type, file.content)
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, disposition: str, content_type: str, content: bytes) -> list[bytes]:
    kind = f"Content-Type: {_quoted(content_type)}\r\n" if content_type else ""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n"
    return [head.encode(), content, b"\r\n"]


def _quoted(name: str) -> str:
    """A name that can end neither its quotes nor its line."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
