"""A text file as blocks of whole lines, in UTF-8, in constant memory."""

import codecs
from collections.abc import Iterator
from typing import IO

from messaging.imports.rows import TextForm

BLOCK = 4 * 1024 * 1024  # bytes read at a time
MAX_LINE = 1024 * 1024  # bytes; of a longer line only the beginning is given


def utf8_blocks(file: IO[bytes], form: TextForm) -> Iterator[bytes]:
    """Blocks that end with a line end (the last one may not), lines ended by "\\n" or "\\r\\n".

    A line that is longer than a block loses what exceeds MAX_LINE, so that it can be refused without being held.
    """
    held = b""
    cutting = False  # inside a line whose beginning was given already
    for chunk in _utf8_chunks(file, form):
        text = held + chunk
        if cutting:
            end = text.find(b"\n")
            if end < 0:
                held = b""
                continue
            cutting, text = False, text[end + 1 :]
        end = text.rfind(b"\n") + 1
        if end:
            yield text[:end]
            held = text[end:]
        elif len(text) > MAX_LINE:
            yield text[: MAX_LINE + 1]
            held, cutting = b"", True
        else:
            held = text
    if held:
        yield held


def _utf8_chunks(file: IO[bytes], form: TextForm) -> Iterator[bytes]:
    if form.encoding in {"utf-8", "utf-8-sig"} and not form.has_unreadable_characters and form.line_end == "\n":
        start = file.read(len(codecs.BOM_UTF8))
        yield start.removeprefix(codecs.BOM_UTF8)
        while chunk := file.read(BLOCK):
            yield chunk
        return
    decoder = codecs.getincrementaldecoder(form.encoding)("replace")
    while chunk := file.read(BLOCK):
        yield _encode(decoder.decode(chunk), form)
    yield _encode(decoder.decode(b"", True), form)


def _encode(text: str, form: TextForm) -> bytes:
    return (text.replace("\r", "\n") if form.line_end == "\r" else text).encode()
