"""States of the integration layer's records, each with its one-line meaning."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class InboundState(models.IntegerChoices):
    """Life of a stored webhook delivery: received → done | ignored | failed; a replay leads back to received."""

    RECEIVED = 0, _("received")  # stored and answered, waits to be acted upon
    DONE = 1, _("done")  # its events were given to every receiver, in one transaction
    IGNORED = 2, _("ignored")  # understood, and of no use to anybody
    FAILED = 3, _("failed")  # dead letter: tried five times, see its error; may be replayed


class CallOutcome(models.IntegerChoices):
    """What came of calling a service."""

    OK = 0, _("answered")
    REFUSED = 1, _("refused")  # the provider will never accept this request
    RATE_LIMITED = 2, _("too fast")  # the provider asked for fewer requests
    FAILED = 3, _("failed")  # surely not accepted, and may work later
    UNKNOWN = 4, _("unknown")  # no answer: it may have been accepted
    UNUSABLE = 5, _("account unusable")  # credentials, permission, missing settings
    UNEXPECTED = 6, _("unexpected answer")  # not what the documentation promises
    NOT_ASKED = 7, _("not asked")  # held back here: breaker, quota, pause or bulkhead


class ConnectionSource(models.TextChoices):
    """Where a connection's settings and secrets come from."""

    PERSON = "person", _("entered here")
    ENVIRONMENT = (
        "environment",
        _("from the environment"),
    )  # read-only; one a service; rests while an entered one exists


class GrantState(models.TextChoices):
    """Life of what a provider granted by OAuth: granted → lost → granted (connected again)."""

    GRANTED = "granted", _("granted")
    LOST = "lost", _("lost")  # the provider takes the refresh token no more: a person connects again


class CheckState(models.IntegerChoices):
    """The result of one look at a connection, as its history keeps it."""

    OK = 1, _("works")
    DEGRADED = 2, _("works, but look at it")
    FAILED = 3, _("does not work")


class ModelRequestState(models.TextChoices):
    """Life of a request to a language model that nobody could answer: waiting → done | dropped."""

    WAITING = "waiting", _("waits for a person")
    DONE = "done", _("done")
    DROPPED = "dropped", _("dropped")  # nobody needs the answer any more


class BackupState(models.IntegerChoices):
    """Life of a backup: running → good | partial | failed."""

    RUNNING = 0, _("running")
    GOOD = 1, _("good")  # in every store, with its manifest
    PARTIAL = 2, _("in one store only")  # good, but a copy is missing
    FAILED = 3, _("failed")
