"""Whom a segment means: its tree as a query over contacts, how many that are, and ten of them."""

import datetime as dt
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value
from psycopg.errors import QueryCanceled

from agency.models import Client
from campaigns.outreach.models import Campaign, Execution, Segment
from campaigns.outreach.rules.segment import (
    EVERYBODY,
    All,
    AnyOf,
    Condition,
    FieldKind,
    Node,
    Not,
    Op,
    read_segment,
)
from messaging.models import Contact
from messaging.rules.zones import first_zone, zone
from messaging.states import ChannelKind

Found = TypeVar("Found")
COUNT_MILLISECONDS = 800
SAMPLE_ROWS = 30_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many contacts; not `exact` when they were estimated from a sample because counting took too long."""

    number: int
    exact: bool


def contacts_matching(client: Client, node: Node, now: dt.datetime) -> QuerySet[Contact]:
    """The client's contacts that the tree describes at `now`; days are read on the client's clock."""
    today = now.astimezone(zone(first_zone(client.time_zone)))
    return Contact.objects.filter(_q(node, today), client_id=client.pk)


def campaign_audience(campaign: Campaign, now: dt.datetime) -> QuerySet[Contact]:
    """The people a campaign would target now: those of its segment, or without one everybody with an address on its channel."""
    if campaign.segment is not None:
        return contacts_matching(campaign.client, read_segment(campaign.segment.conditions), now)
    everybody = contacts_matching(campaign.client, EVERYBODY, now)
    if campaign.channel == ChannelKind.EMAIL:
        return everybody.filter(email__isnull=False)
    if campaign.channel == ChannelKind.SMS:
        return everybody.filter(phone__isnull=False)
    return everybody.filter(Q(phone__isnull=False) | Q(whatsapp_id__isnull=False))


def still_in_segment(job_id: int, contact_ids: Sequence[int], now: dt.datetime) -> Collection[int]:
    """Which of these people of a run still are in its campaign's segment, as the segment is now. Everybody where there is none.

    A live audience's check (`messaging.kit.audiences`): asked inside the claim, for at most 200 people at once.
    """
    segment = (
        Segment.objects.select_related("client")
        .filter(pk__in=Execution.objects.filter(job=job_id).values("campaign__segment"))
        .first()
    )
    if segment is None:
        return contact_ids
    inside = contacts_matching(segment.client, read_segment(segment.conditions), now)
    return set(inside.filter(pk__in=contact_ids).order_by().values_list("pk", flat=True))


def last_contact_id(client: Client) -> int:
    """The id of the client's newest contact; 0 without any. An execution's audience ends there."""
    return Contact.objects.filter(client=client).order_by("-id").values_list("pk", flat=True).first() or 0


def bounded_count(contacts: QuerySet[Contact]) -> Count:
    """Count exactly if that takes less than a second; else count the matches in a random sample of the table's pages."""
    counted = within(COUNT_MILLISECONDS, contacts.order_by().count)
    if counted is not None:
        return Count(counted, exact=True)
    query, parameters = contacts.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'messaging_contact'::regclass")
        (rows,) = cursor.fetchone()
        percent = min(100.0, 100.0 * SAMPLE_ROWS / rows)
        sampled = query.replace(
            'FROM "messaging_contact"', f'FROM "messaging_contact" TABLESAMPLE SYSTEM ({percent:.6f})', 1
        )
        cursor.execute(f"SELECT count(*) FROM ({sampled}) AS sample", parameters)  # noqa: S608  # Django's own SQL
        (found,) = cursor.fetchone()
    estimate = found * 100 / percent
    return Count(int(float(f"{estimate:.2g}")), exact=False)  # two figures: more would look exact


def segment_count(client: Client, node: Node, now: dt.datetime) -> Count:
    """How many of the client's contacts the tree describes, quickly."""
    return bounded_count(contacts_matching(client, node, now))


def segment_sample(client: Client, node: Node, now: dt.datetime, size: int = 10) -> list[Contact] | None:
    """Some of the people, newest first; None when they are too rare to be found within a second."""
    chosen = contacts_matching(client, node, now).order_by("-id")[:size]
    return within(COUNT_MILLISECONDS, lambda: list(chosen))


def within(milliseconds: int, ask: Callable[[], Found]) -> Found | None:
    """The answer, or None when the database needs longer than this."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            answer = ask()
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return answer
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise


def _q(node: Node, now: dt.datetime) -> Q:
    """A tree as a Django condition. `now` is in the client's zone. Django adds IS NOT NULL where a negation needs it."""
    if isinstance(node, All):
        found = Q()
        for part in node.parts:
            found &= _q(part, now)
        return found
    if isinstance(node, AnyOf):
        found = Q()
        for part in node.parts:
            found |= _q(part, now)
        return found
    if isinstance(node, Not):
        return ~_q(node.part, now)
    if node.kind is FieldKind.ATTRIBUTE:
        return _attribute(node, now)
    if node.kind is FieldKind.MOMENT:
        return _moment(node, now)
    if node.kind is FieldKind.TAGS:
        return _tags(node)
    return _plain(node)


def _plain(condition: Condition) -> Q:
    name, value = condition.field, condition.value
    if condition.op is Op.FILLED:
        return Q(**{f"{name}__gt": ""})
    lookup = {
        Op.IS: "exact",
        Op.ONE_OF: "in",
        Op.CONTAINS: "icontains",
        Op.STARTS_WITH: "istartswith",
        Op.ENDS_WITH: "iendswith",
        Op.AT_LEAST: "gte",
        Op.AT_MOST: "lte",
    }[condition.op]
    return Q(**{f"{name}__{lookup}": value})


def _moment(condition: Condition, now: dt.datetime) -> Q:
    name, value = condition.field, condition.value
    if condition.op is Op.FILLED:
        return Q(**{f"{name}__isnull": False})
    if isinstance(value, dt.date):
        midnight = dt.datetime.combine(value, dt.time(0), now.tzinfo)
        return Q(**{f"{name}__{'lt' if condition.op is Op.BEFORE else 'gte'}": midnight})
    return Q(**{f"{name}__gte": now - dt.timedelta(days=_number(value))})


def _tags(condition: Condition) -> Q:
    value = condition.value
    if condition.op is Op.FILLED:
        return ~Q(tags=Value([], ArrayField(TextField())))
    if condition.op is Op.HAS_ANY:
        return Q(tags__overlap=list(_texts(value)))
    return Q(tags__contains=[value] if condition.op is Op.HAS else list(_texts(value)))


def _attribute(condition: Condition, now: dt.datetime) -> Q:
    """Equality by containment, which the index answers; everything else by a path that is never NULL and never fails on another type."""
    value = condition.value
    if condition.op is Op.IS:
        return Q(attributes__contains={condition.key: value})
    if condition.op is Op.ONE_OF:
        found = Q()
        for text in _texts(value):
            found |= Q(attributes__contains={condition.key: text})
        return found
    path = f"$.{json.dumps(condition.key)} ? ({_attribute_test(condition, now.date())})"
    function = Func(
        F("attributes"),
        Value(path),
        function="jsonb_path_exists",
        template="%(function)s(%(expressions)s::jsonpath, '{}', true)",
        output_field=BooleanField(),
    )
    return Q(function)


_REGEX = str.maketrans({character: f"\\{character}" for character in "\\.^$*+?()[]{}|-/"})
_ISO_DATE = '@ like_regex "^[0-9]{4}-[0-9]{2}-[0-9]{2}"'


def _attribute_test(condition: Condition, today: dt.date) -> str:
    value, op = condition.value, condition.op
    if op is Op.FILLED:
        return '@.type() == "string" && @ != "" || @.type() != "string" && @.type() != "null"'
    if op in (Op.CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH):
        pattern = str(value).translate(_REGEX)
        pattern = ("^" if op is Op.STARTS_WITH else "") + pattern + ("$" if op is Op.ENDS_WITH else "")
        return f'@ like_regex {json.dumps(pattern, ensure_ascii=False)} flag "i"'
    if op in (Op.AT_LEAST, Op.AT_MOST):
        return f"@ {'>=' if op is Op.AT_LEAST else '<='} {json.dumps(value)}"
    return f"{_ISO_DATE} && {_date_range(condition, today)}"


def _date_range(condition: Condition, today: dt.date) -> str:
    """ISO dates compare as text; a time of day after the date makes it later, so the day after is the excluded end."""
    if isinstance(condition.value, dt.date):
        return f'@ {"<" if condition.op is Op.BEFORE else ">="} "{condition.value}"'
    days = dt.timedelta(days=_number(condition.value))
    first, last = (today - days, today) if condition.op is Op.LAST_DAYS else (today, today + days)
    return f'@ >= "{first}" && @ < "{last + dt.timedelta(days=1)}"'


def _texts(value: object) -> tuple[str, ...]:
    assert isinstance(value, tuple)  # noqa: S101  # `read_segment` has made sure
    return value


def _number(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  # `read_segment` has made sure
    return value
