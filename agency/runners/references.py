"""The look at loose references: all of them in bounded pieces, over as many task messages as it takes."""

import json
import logging
from collections.abc import Callable, Iterable
from time import monotonic

from agency.kit import metrics
from agency.kit.queue import enqueue
from agency.kit.references import Reference
from agency.operations.references import note_look
from agency.selectors.references import PIECE, Piece, loose_references, orphans_in_piece

logger = logging.getLogger(__name__)
SECONDS = 60.0  # of one task message
TASK = "agency.verify_references"


def look_through(
    references: Iterable[Reference], *, size: int = PIECE, on_piece: Callable[[Reference, Piece], None] | None = None
) -> dict[str, int]:
    """Look at every row of these references now. Returns the orphans by reference, without those that have none."""
    found: dict[str, int] = {}
    for reference in references:
        after: int | None = 0
        while after is not None:
            piece = orphans_in_piece(reference, after, size)
            _report(reference, piece, found)
            if on_piece is not None:
                on_piece(reference, piece)
            after = piece.last
    return found


def look_on(*, at: str = "", seconds: float = SECONDS, size: int = PIECE) -> str:
    """Look for a minute, from the place `at` where the message before stopped, and send the next message. Returns a closing word.

    `at` is JSON: name of the reference, last id, orphans so far. A lost message ends this night's look; the next begins anew,
    and `check_references` notices when none has ended for two days.
    """
    name, after, found = json.loads(at) if at else ("", 0, {})
    references = [reference for reference in loose_references() if reference.name >= name]
    ends = monotonic() + seconds
    for reference in references:
        place: int | None = after if reference.name == name else 0
        while place is not None:
            if monotonic() >= ends:
                enqueue(TASK, json.dumps([reference.name, place, found]))
                return f"looked as far as {reference.name} {place}"
            piece = orphans_in_piece(reference, place, size)
            _report(reference, piece, found)
            place = piece.last
    note_look(found=found)
    return ", ".join(f"{number} orphans of {name}" for name, number in sorted(found.items())) or "no orphans"


def _report(reference: Reference, piece: Piece, found: dict[str, int]) -> None:
    if piece.orphans:
        found[reference.name] = found.get(reference.name, 0) + piece.orphans
        facts = {"reference": reference.name, "orphans": piece.orphans, "ids": list(piece.examples)}
        logger.error("rows point at nothing", extra=facts)
        metrics.add("orphans", piece.orphans, reference=reference.name)
