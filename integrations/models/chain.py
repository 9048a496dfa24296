"""Fallback chains as a person has put them in order, and every attempt of one."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from integrations.states import CallOutcome


class FallbackChain(models.Model):
    """The order of the connections of one chain (`integrations.chains`), for everybody or for one client.

    Without such a record the services stand in their declared order, a client's own connection before the agency's.
    """

    name = models.CharField(_("used for"), max_length=60)
    client = models.ForeignKey(
        "agency.Client", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("client")
    )
    first = models.ForeignKey("integrations.Connection", models.PROTECT, related_name="+", verbose_name=_("first"))
    second = models.ForeignKey(
        "integrations.Connection", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("second")
    )
    third = models.ForeignKey(
        "integrations.Connection", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("third")
    )
    fourth = models.ForeignKey(
        "integrations.Connection", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("fourth")
    )

    class Meta:
        verbose_name = _("fallback chain")
        verbose_name_plural = _("fallback chains")
        constraints = [
            models.UniqueConstraint(fields=["name", "client"], name="one_chain_per_client", nulls_distinct=False),
            models.CheckConstraint(
                name="chain_without_gaps",
                condition=(Q(second__isnull=False) | Q(third__isnull=True))
                & (Q(third__isnull=False) | Q(fourth__isnull=True)),
            ),
            models.CheckConstraint(
                name="each_hop_once",
                condition=~Q(second=F("first"))
                & ~Q(third=F("first"))
                & ~Q(third=F("second"))
                & ~Q(fourth=F("first"))
                & ~Q(fourth=F("second"))
                & ~Q(fourth=F("third")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChainAttempt(models.Model):
    """One connection asked in one run of a chain. Written before it is asked, as unknown, so that a killed process leaves its trace.

    `key` names the run: within it each connection is asked at most once. `may_have_happened` is false only when the service surely
    did nothing.
    """

    chain = models.CharField(_("used for"), max_length=60)
    key = models.CharField(_("run"), max_length=100)
    client = models.ForeignKey("agency.Client", models.PROTECT, null=True, related_name="+", verbose_name=_("client"))
    connection = models.ForeignKey(
        "integrations.Connection", models.PROTECT, related_name="+", verbose_name=_("connection")
    )
    position = models.SmallIntegerField(_("position"))
    attempted_at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    outcome = models.SmallIntegerField(_("outcome"), choices=CallOutcome.choices, default=CallOutcome.UNKNOWN)
    may_have_happened = models.BooleanField(_("may have happened"), default=True)
    code = models.CharField(_("error code"), max_length=60, blank=True)
    text = models.CharField(_("error"), max_length=300, blank=True)
    milliseconds = models.IntegerField(_("milliseconds"), null=True)
    purpose = models.CharField(_("made for"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("attempt of a chain")
        verbose_name_plural = _("attempts of chains")
        constraints = [
            models.UniqueConstraint(fields=["chain", "key", "connection"], name="each_connection_once_a_run")
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.position}"
