"""The one declaration of an external service, from which lists, forms, docs and the environment example are made."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.calling.policy import CallPolicy, Operation
from integrations.oauth import OAuth

Text = str | Promise  # source strings are English and translated when shown


class Category(enum.StrEnum):
    """Where a service stands in lists; `CATEGORY_TITLES` has the words."""

    MESSAGES = "messages"
    ADS = "ads"
    DOCUMENTS = "documents"
    MODELS = "models"
    SEARCH = "search"
    STORAGE = "storage"


CATEGORY_TITLES: Mapping[Category, Text] = {
    Category.MESSAGES: _("Messages"),
    Category.ADS: _("Ads"),
    Category.DOCUMENTS: _("Documents and team"),
    Category.MODELS: _("Language models"),
    Category.SEARCH: _("Search"),
    Category.STORAGE: _("Files"),
}

CHECK_NAMES = (
    "timeout",
    "typed_errors",
    "sandbox",
    "contract_test",
    "webhook_signature",
    "replay_safety",
    "health",
    "secret_masking",
    "payload_samples",
    "cost",
)


@dataclass(frozen=True, slots=True)
class Check:
    """The state of one of the ten checks: done, or exempt with a reason that a reviewer accepts."""

    is_done: bool
    why: str = ""


done = Check(is_done=True)


def exempt(why: str) -> Check:
    """This check does not apply to this service, because of `why`."""
    if not why.strip():
        raise ValueError("an exemption needs a reason")
    return Check(is_done=False, why=why)


@dataclass(frozen=True, slots=True)
class Checks:
    """The ten things every integration answers for. None has a default: forgetting one is a TypeError."""

    timeout: Check
    typed_errors: Check
    sandbox: Check
    contract_test: Check
    webhook_signature: Check
    replay_safety: Check
    health: Check
    secret_masking: Check
    payload_samples: Check
    cost: Check

    def items(self) -> Iterator[tuple[str, Check]]:
        """Each check with its name, in the fixed order."""
        for item in dataclasses.fields(self):
            yield item.name, getattr(self, item.name)


class SettingKind(enum.StrEnum):
    """What a setting holds, which decides how it is entered and checked. All but TEXT are encrypted."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 -- the name of a kind
    JSON = "json"  # an object with the keys `json_keys`, such as the file of a Google service account
    CERTIFICATE = "certificate"  # PKCS#12 or PEM with its private key; the password is asked beside it and not kept
    OAUTH = "oauth"  # the access token of the manifest's `oauth`; may also be pasted


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a connection to the service needs. Secrets are encrypted and never shown again.

    `secret=True` is short for the kind SECRET. `shown_keys` are keys of a JSON secret that people need to see (a service account's `client_email`).
    """

    name: str
    title: Text
    purpose: Text
    secret: bool = False
    required: bool = True
    default: str = ""
    example: str = ""
    sandboxed: bool = False  # a base URL that points to the local sandbox while SANDBOX_URL is set
    kind: SettingKind = SettingKind.TEXT
    given: bool = False  # a secret that the service sends by webhook (`SecretEvent`) and a person enters there
    json_keys: tuple[str, ...] = ()
    shown_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Let `secret` and `kind` agree."""
        if self.kind is not SettingKind.TEXT:
            object.__setattr__(self, "secret", True)
        elif self.secret:
            object.__setattr__(self, "kind", SettingKind.SECRET)

    @property
    def password_name(self) -> str:
        """The name under which a certificate's password is given."""
        return f"{self.name}_password"


@dataclass(frozen=True, slots=True)
class Cost:
    """What `per` units cost, as far as a public price list says; `unit` names what is counted."""

    unit: str
    amount: str  # decimal text, e.g. "0.0625"; "0" when the service is free or self-hosted
    currency: str
    note: Text = ""
    per: int = 1


@dataclass(frozen=True, slots=True)
class MailFacts:
    """How a mail service uses a sender's `{domain}`: where bounces go (SPF is asked for there, in this order) and its usual DKIM selectors."""

    bounce_domains: tuple[str, ...] = ("{domain}",)
    dkim_selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """What a service's webhooks may lose: the function `ask(client, since, now)` of its `polling.py` finds it, in the webhooks' own words.

    `minutes` is how late it may at most be heard of.
    """

    ask: str
    minutes: int
    finds: Text


@dataclass(frozen=True, slots=True)
class Manifest:
    """An external service as people and generated documents see it."""

    slug: str
    title: str
    capabilities: tuple[str, ...]
    channels: tuple[str, ...]  # of messaging: whatsapp, sms, email; empty when it sends no messages
    purpose: Text
    settings: tuple[Setting, ...]
    rate_limits: tuple[Text, ...]
    webhook: bool
    costs: tuple[Cost, ...]
    docs_url: str
    checks: Checks
    category: Category = Category.MESSAGES
    operations: tuple[Operation, ...] = ()
    policy: CallPolicy = CallPolicy()
    webhook_help: Text = ""
    mail: MailFacts = MailFacts()
    oauth: OAuth | None = None
    polls: tuple[Poll, ...] = ()

    def variable(self, item: Setting) -> str:
        """The environment variable that may hold a setting: RESEND_API_KEY; GOOGLE_CLIENT_ID for what belongs to the provider's app."""
        owner = self.slug if self.oauth is None or item.name not in self.oauth.app_settings else self.oauth.provider
        return f"{owner}_{item.name}".upper()

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names of the settings that are stored encrypted."""
        return tuple(item.name for item in self.settings if item.secret)

    @property
    def plain_names(self) -> tuple[str, ...]:
        """Names of the settings that anybody with access to the connection may read."""
        return tuple(item.name for item in self.settings if not item.secret)

    def missing(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
        """Names of required settings that are empty."""
        return [
            item.name
            for item in self.settings
            if item.required and not (secrets if item.secret else settings).get(item.name) and not item.default
        ]

    def item(self, name: str) -> Setting:
        """A setting by name. Raises KeyError."""
        for item in self.settings:
            if item.name == name:
                return item
        raise KeyError(name)
