"""States of the integration layer's records, each with its one-line meaning."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class InboundState(models.IntegerChoices):
    """Life of a stored webhook delivery: received → done | ignored | failed; a replay leads back to received."""

    RECEIVED = 0, _("received")  # stored and answered, waits to be acted upon
    DONE = 1, _("done")  # its events were given to every receiver, in one transaction
    IGNORED = 2, _("ignored")  # understood, and of no use to anybody
    FAILED = 3, _("failed")  # dead letter: tried five times, see its error; may be replayed
