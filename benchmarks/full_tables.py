"""Big tables for `benchmarks.lists`: a million of everything that lists show, by SQL, spread unevenly over four clients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection

from agency.models import Client, ClientGrant, User
from agency.states import Role
from integrations.models import Connection
from messaging.models import Sender, SendJob, Template, TemplateVersion
from messaging.states import ChannelKind, JobState, MessageKind

TINY = (
    100  # rows of the smallest client: the oldest of every table, the worst case for lists that begin with the newest
)
# Each row's client by its number: 70 % the giant's, 25 % the middle's, the rest the small one's; the first are the tiny one's.
_PLACE = f"CASE WHEN n <= {TINY} THEN 4 WHEN n %% 1000 < 700 THEN 1 WHEN n %% 1000 < 950 THEN 2 ELSE 3 END"
_FROM = f"FROM (SELECT n, {_PLACE} AS place FROM generate_series(1, %(rows)s) AS n) AS numbered"
_AT = "now() - (%(rows)s - n) * interval '2 seconds'"  # a million rows in 23 days
_STATE = "CASE WHEN n %% 50000 = 7 THEN 90 WHEN n %% 20 = 0 THEN 80 WHEN n %% 3 = 0 THEN 30 ELSE 20 END"

FILL = (
    f"""
    INSERT INTO messaging_contact (id, client_id, name, phone, email, language, time_zone, tags, attributes, created_at)
    OVERRIDING SYSTEM VALUE
    SELECT n, (%(clients)s)[place], 'Pessoa ' || n, '+55119' || lpad(n::text, 8, '0'), 'pessoa' || n || '@example.com', '', '',
           CASE WHEN n %% 50000 = 7 THEN '{{raro}}'::varchar[] WHEN n %% 10 = 0 THEN '{{vip}}' ELSE '{{}}' END,
           jsonb_build_object('cidade', n %% 27, 'compras', n %% 40), {_AT} {_FROM}
    """,
    """
    INSERT INTO messaging_consent (contact_id, channel, state, source, proof, recorded_at, history)
    SELECT n, %(channel)s, CASE WHEN n %% 25000 = 0 THEN 2 ELSE 1 END, 'benchmark', '{}', now(), '[]'
    FROM generate_series(1, %(rows)s) AS n WHERE n %% 2 = 0
    """,
    f"""
    INSERT INTO messaging_recipient (id, job_id, contact_id, state, reason, sender_id, sent_at, changed_at, provider_id)
    OVERRIDING SYSTEM VALUE
    SELECT n, (%(jobs)s)[place], n, state, CASE state WHEN 90 THEN 15 WHEN 80 THEN 1 ELSE 0 END, (%(senders)s)[place],
           {_AT}, {_AT}, 'wamid.' || n FROM (SELECT *, {_STATE} AS state {_FROM}) AS stated
    """,
    """
    INSERT INTO messaging_jobtotal (job_id, state, reason, number)
    SELECT job_id, state, reason, count(*) FROM messaging_recipient GROUP BY job_id, state, reason
    """,
    f"""
    INSERT INTO messaging_message
        (client_id, contact_id, sender_id, direction, channel, address, text, provider_message_id, recipient_id, opted_out, at)
    SELECT (%(clients)s)[place], n, (%(senders)s)[place], CASE WHEN n %% 10 = 0 THEN 2 ELSE 1 END, CASE WHEN n %% 50000 = 7 THEN 3 ELSE 1 END,
           '+55119' || lpad(n::text, 8, '0'), 'Mensagem ' || n, 'in.' || n, CASE WHEN n %% 10 = 0 THEN n END, n %% 500 = 0, {_AT} {_FROM}
    """,
    f"""
    INSERT INTO messaging_deliveryevent
        (received_on, connection_id, provider_event_id, provider_message_id, job_id, recipient_id, state, occurred_at)
    SELECT ({_AT})::date, CASE WHEN n %% 2 = 0 THEN %(shared)s ELSE (%(connections)s)[place] END, 'wamid.' || n || ':20', 'wamid.' || n,
           (%(jobs)s)[place], n, 20, {_AT} {_FROM}
    """,
    f"""
    INSERT INTO integrations_inboundevent
        (received_at, received_on, service, connection_id, provider_event_id, content_type, query, body, state, error)
    SELECT {_AT}, ({_AT})::date, 'whatsapp_cloud', CASE WHEN n %% 2 = 0 THEN %(shared)s ELSE (%(connections)s)[place] END, 'event.' || n,
           'application/json', '', repeat('x', 300)::bytea, CASE WHEN n %% 50000 = 7 THEN 3 WHEN n %% 100 = 0 THEN 2 ELSE 1 END,
           CASE WHEN n %% 50000 = 7 THEN 'unreadable' END {_FROM}
    """,
    f"""
    INSERT INTO agency_auditentry (at, actor, user_id, client_id, action, subject_type, subject_id, before, after, why)
    SELECT {_AT}, CASE WHEN n %% 10 = 0 THEN 'dora' ELSE 'system:benchmark' END, CASE WHEN n %% 10 = 0 THEN %(director)s END,
           CASE WHEN n %% 20 <> 0 THEN (%(clients)s)[place] END, 'contact.update', 'messaging.Contact', n, '{{}}', '{{}}', '' {_FROM}
    """,
)  # fmt: skip
TABLES = (
    "messaging_contact", "messaging_consent", "messaging_recipient", "messaging_jobtotal", "messaging_message", "messaging_deliveryevent",
    "integrations_inboundevent", "agency_auditentry",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FullTables:
    """Who looks, and what there is to be looked at: the giant client's and the tiny one's keys and jobs."""

    director: User
    manager: User
    newcomer: User
    giant: Client
    tiny: Client
    giant_job: SendJob
    tiny_job: SendJob


def fill_tables(rows: int) -> FullTables:
    """Empty the tables, fill them, and let the planner know, as autovacuum does in time."""
    clients = [Client.objects.create(name=name.title(), slug=name) for name in ("giant", "middle", "small", "tiny")]
    director = _person("dora", Role.DIRECTOR)
    shared = Connection.objects.create(service="whatsapp_cloud", name="shared")
    senders = [_sender(client) for client in clients]
    jobs = [_job(client, sender) for client, sender in zip(clients, senders, strict=True)]
    parameters: dict[str, Any] = {
        "rows": rows,
        "clients": _keys(clients),
        "senders": _keys(senders),
        "connections": [sender.connection_id for sender in senders],
        "jobs": _keys(jobs),
        "shared": shared.pk,
        "director": director.pk,
        "channel": ChannelKind.WHATSAPP.value,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE")
        for statement in FILL:
            cursor.execute(statement, parameters)
        for table in TABLES:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute("RESET synchronous_commit")
    return FullTables(
        director=director,
        manager=_person("ana", Role.ACCOUNT_MANAGER, *clients[1:3]),
        newcomer=_person("bia", Role.ACCOUNT_MANAGER, clients[3]),
        giant=clients[0],
        tiny=clients[3],
        giant_job=jobs[0],
        tiny_job=jobs[3],
    )


def _keys(records: Sequence[Client | Sender | SendJob]) -> list[int]:
    return [record.pk for record in records]


def _person(name: str, role: Role, *clients: Client) -> User:
    user = User.objects.create_user(name, f"{name}@example.com", "benchmark", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    ClientGrant.objects.bulk_create([ClientGrant(user=user, client=client) for client in clients])
    return user


def _sender(client: Client) -> Sender:
    account = Connection.objects.create(service="whatsapp_cloud", name=client.name, client=client)
    return Sender.objects.create(
        client=client, connection=account, channel=ChannelKind.WHATSAPP, name=client.name, address=str(client.pk)
    )


def _job(client: Client, sender: Sender) -> SendJob:
    template = Template.objects.create(client=client, name="lists", channel=ChannelKind.WHATSAPP)
    return SendJob.objects.create(
        client=client,
        kind=MessageKind.CAMPAIGN,
        channel=ChannelKind.WHATSAPP,
        state=JobState.FINISHED,
        template_version=TemplateVersion.objects.create(template=template, number=1, body="Olá"),
        sender_ids=[sender.pk],
        audience_complete=True,
    )
