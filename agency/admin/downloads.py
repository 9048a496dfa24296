"""Files made while they are sent, in constant memory, under either kind of server."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header


def csv_response(request: HttpRequest, pieces: Iterator[str | bytes], name: str) -> StreamingHttpResponse:
    """A CSV file to keep under this name."""
    # An asynchronous server would read a plain iterator to its end before sending; the other kind cannot read an asynchronous one.
    streamed = _asynchronously(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(streamed, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


async def _asynchronously(pieces: Iterator[str | bytes]) -> AsyncIterator[str | bytes]:
    """The same pieces, each made in a thread only when the last one has been sent."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
