"""Taking, keeping and giving back the right to fire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

LEASE_SECONDS = 6.0
"""A Beat that was killed is replaced after this and one look of a standby: well within ten seconds."""

# The times are the database's own, so Beats on machines with wrong clocks still agree.
_HOLD = """
INSERT INTO automations_beatlease AS lease (name, holder, term, acquired_at, renewed_at, expires_at)
VALUES ('beat', %(holder)s, 1, clock_timestamp(), clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET
    term = lease.term + (lease.holder <> excluded.holder OR lease.expires_at <= clock_timestamp())::int,
    acquired_at = CASE WHEN lease.holder <> excluded.holder OR lease.expires_at <= clock_timestamp()
                       THEN excluded.acquired_at ELSE lease.acquired_at END,
    ticked_at = CASE WHEN %(ticked)s THEN clock_timestamp() ELSE lease.ticked_at END,
    published_at = CASE WHEN %(published)s THEN clock_timestamp() ELSE lease.published_at END,
    holder = excluded.holder, renewed_at = excluded.renewed_at, expires_at = excluded.expires_at
WHERE lease.holder = excluded.holder OR lease.expires_at <= clock_timestamp()
RETURNING term, renewed_at
"""
_RELEASE = "UPDATE automations_beatlease SET expires_at = clock_timestamp() WHERE name = 'beat' AND holder = %s"
_FENCE = """
SELECT 1 FROM automations_beatlease
WHERE name = 'beat' AND holder = %s AND term = %s AND expires_at > clock_timestamp() FOR SHARE
"""


class LeaseLost(Exception):
    """Another Beat holds the lease now, or it ran out: fire nothing."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The lease as its holder was granted it: who, in which term, and the database's time then."""

    holder: str
    term: int
    now: datetime


def hold_lease(*, holder: str, ticked: bool = False, published: bool = False) -> Hold | None:
    """Take or renew the lease in one statement; None while another Beat holds it.

    `ticked` and `published` say that the holder has, since the last time, completed a pass and got a message out. A
    lease that ran out before its holder renewed it gets a new term, as if it had changed hands.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"holder": holder, "seconds": LEASE_SECONDS, "ticked": ticked, "published": published})
        row = cursor.fetchone()
    return None if row is None else Hold(holder, row[0], row[1])


def release_lease(*, holder: str) -> None:
    """Give the lease back at an orderly stop, so that a standby takes over at its next look."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [holder])


def require_lease(hold: Hold) -> None:
    """Raise LeaseLost unless the lease still holds; keeps it from changing hands until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_FENCE, [hold.holder, hold.term])
        if cursor.fetchone() is None:
            raise LeaseLost(hold.holder)
