"""What a batch needs to know of its job, read once per batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from messaging.models import Sender, SendJob, TemplateVersion
from messaging.rules.policy import SendPolicy
from messaging.rules.rendering import CompiledTemplate, Wording, compile_wording, declared_variables
from messaging.selectors.links import unsubscribe_url
from messaging.states import ChannelKind


@dataclass(frozen=True, slots=True)
class Account:
    """The provider's account behind a sender."""

    connection_id: int
    service: str


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job as its batches use it. `audience` names the check that each claim asks; empty: nobody leaves. `provider_template` names a template
    kept at the provider; empty: the text itself is sent."""

    job_id: int
    key: str
    client_id: int
    channel: ChannelKind
    agency_zone: str
    client_zone: str
    policy: SendPolicy
    template: CompiledTemplate
    variables: Mapping[str, Any]
    max_attempts: int
    audience: str = ""
    provider_template: str = ""
    provider_language: str = ""
    media_url: str = ""
    accounts: Mapping[int, Account] = field(default_factory=dict)  # of its senders, by sender id
    one_account: bool = True  # all its senders belong to one connection
    signed_at: float | None = None  # of the links in its messages: an attempt made again says the same

    def unsubscribe_url(self, recipient_id: int) -> str:
        """The signed one-click link of one message."""
        return unsubscribe_url(recipient_id, self.signed_at)


def wording_of(version: TemplateVersion) -> Wording:
    """A template version as the renderer takes it."""
    return Wording(
        subject=version.subject,
        body=version.body,
        html=version.html,
        parameters=tuple(version.parameters),
        variables=declared_variables(version.variables),
    )


def job_plan(job_id: int) -> JobPlan:
    """The plan of a job. Raises `SendJob.DoesNotExist`."""
    job = SendJob.objects.select_related("client", "template_version__template").get(pk=job_id)
    version = job.template_version
    senders = Sender.objects.filter(pk__in=job.sender_ids).values_list("pk", "connection_id", "connection__service")
    accounts = {sender_id: Account(connection_id, service) for sender_id, connection_id, service in senders}
    wording = wording_of(version) if version else Wording(subject=_literal(job.subject), body=_literal(job.text))
    return JobPlan(
        job_id=job.pk,
        key=job.key.hex,
        client_id=job.client_id,
        channel=ChannelKind(job.channel),
        agency_zone=settings.TIME_ZONE,
        client_zone=job.client.time_zone,
        policy=SendPolicy.from_json(job.policy),
        template=compile_wording(wording),
        variables=job.variables,
        max_attempts=job.max_attempts,
        audience=job.audience,
        provider_template=version.provider_name if version else "",
        provider_language=version.template.language if version else "",
        media_url=version.media_url if version else "",
        accounts=accounts,
        one_account=len(set(accounts.values())) <= 1,
        signed_at=job.created_at.timestamp(),
    )


def _literal(text: str) -> str:
    """A person's own words as Liquid that yields exactly them."""
    return text.replace("{", "{{ '{' }}") if "{{" in text or "{%" in text else text
