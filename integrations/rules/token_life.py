"""When a token is renewed, and when somebody is told that a credential ends. Pure."""

from datetime import datetime, timedelta

LEAST_LEFT = timedelta(hours=1)  # with less than this left a token is renewed …
EARLIEST_SHARE = 0.5  # … but not in the first half of its life, which for tokens of an hour would be always
LATEST_SHARE = 0.8  # of its life, after which it is renewed in any case
RETRY_SECONDS = (60, 300, 900, 1_800)  # after the first, second, … failed attempt
EXPIRY_DAYS = (1, 7, 30)  # days left at which a person is told, the most urgent first


def renewal_time(obtained_at: datetime, expires_at: datetime) -> datetime:
    """From when on a token is renewed."""
    life = expires_at - obtained_at
    early = max(expires_at - LEAST_LEFT, obtained_at + life * EARLIEST_SHARE)
    return min(early, obtained_at + life * LATEST_SHARE)


def retry_time(now: datetime, attempts: int) -> datetime:
    """When a renewal that failed `attempts` times in a row is tried again."""
    return now + timedelta(seconds=RETRY_SECONDS[min(max(attempts, 1), len(RETRY_SECONDS)) - 1])


def expiry_stage(now: datetime, expires_at: datetime) -> int | None:
    """0 when it is over, else the smallest of `EXPIRY_DAYS` that the time left does not exceed; None while there is time."""
    left = expires_at - now
    if left <= timedelta(0):
        return 0
    return next((days for days in EXPIRY_DAYS if left <= timedelta(days=days)), None)
