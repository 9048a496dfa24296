"""Fallback chains as data: which services stand in for one another, for what, and in which order.

A chain is declared here, run by `integrations.capabilities.chain.run_chain`, and may be put in another order by a person, for
everybody or for one client (`FallbackChain`). Its last step, when no service was able to, belongs to the capability.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import Effect
from integrations.errors import AddressDead, IntegrationError
from integrations.manifest import Text

MOST_HOPS = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain. Each of its services offers `capability`; `services` is their order where nobody has chosen another.

    `effect` is what going on to the next service would risk: with CREATES (a message, a charge) nobody else is asked once somebody may
    have done it, even where that service itself would drop a repetition, because the next one knows nothing of it. Errors of
    `stops_at` end the chain too: what the next service could not mend, such as an address that does not exist.
    """

    name: str
    title: Text
    capability: str
    services: tuple[str, ...]
    effect: Effect
    last_step: Text
    stops_at: tuple[type[IntegrationError], ...] = ()
    every_connection: bool = (
        False  # of a service there may be several, such as two stores: each is a hop, the oldest first
    )


_IN_THE_LIST = _("a person tries again, from the list of model requests")
_CHAINS = (
    Chain(
        "language.writing",
        _("Language models: writing"),
        "language",
        ("anthropic", "openai", "gemini"),
        Effect.READS,
        _IN_THE_LIST,
    ),
    Chain(
        "language.scoring",
        _("Language models: scoring"),
        "language",
        ("openai", "anthropic", "gemini"),
        Effect.READS,
        _IN_THE_LIST,
    ),
    Chain(
        "language.long",
        _("Language models: long contexts"),
        "language",
        ("gemini", "anthropic", "openai"),
        Effect.READS,
        _IN_THE_LIST,
    ),
    Chain(
        "embeddings",
        _("Embeddings"),
        "embeddings",
        ("openai", "gemini"),
        Effect.READS,
        _("the search by meaning is left out"),
    ),
    Chain(
        "message.whatsapp",
        _("Single messages: WhatsApp, else SMS, else e-mail"),
        "messages",
        ("whatsapp_cloud", "evolution", "twilio", "resend"),
        Effect.CREATES,
        _("a person is told"),
    ),
    Chain(
        "message.email",
        _("Single messages: e-mail"),
        "messages",
        ("resend", "amazon_ses", "smtp"),
        Effect.CREATES,
        _("the message waits and is tried again"),
        stops_at=(AddressDead,),
    ),
    Chain(
        "search",
        _("Searches"),
        "search",
        ("serpapi",),
        Effect.READS,
        _("an older answer, marked as such; else a person searches"),
        every_connection=True,
    ),
    Chain(
        "storage",
        _("Files"),
        "storage",
        ("s3",),
        Effect.READS,  # a file stored twice is the same file
        _("the file waits here and is uploaded later"),
        every_connection=True,
    ),
)


def chains() -> Mapping[str, Chain]:
    """Every chain by name."""
    return MappingProxyType({chain.name: chain for chain in _CHAINS})


def chain_of(name: str) -> Chain:
    """One chain. Raises KeyError."""
    return chains()[name]
