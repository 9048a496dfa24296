"""Alerts: one open episode a key, whatever happens at once; acknowledged, worsened, cleared; who sees them and where."""

import threading

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import Alert, AuditEntry, Client, ClientGrant
from agency.operations.alerts import acknowledge_alert, clear_alert, clear_alerts_of, raise_alert
from agency.selectors.alerts import open_alerts, waiting_alerts
from agency.states import AlertSeverity, Role
from tests.worlds import make_person

ACTOR = Actor.system("test")


def trouble(key: str = "connection:1:health", severity: AlertSeverity = AlertSeverity.WARNING, **more: object) -> Alert:
    return raise_alert(actor=ACTOR, key=key, severity=severity, title="Line 1 is slow", todo="Wait", **more)  # type: ignore[arg-type]


def actions(alert: Alert) -> list[str]:
    found = AuditEntry.objects.filter(subject_type="agency.Alert", subject_id=alert.pk).order_by("pk")
    return list(found.values_list("action", flat=True))


@pytest.mark.django_db
def test_an_episode_from_beginning_to_end() -> None:
    first = trouble()
    again = trouble()
    assert (again.pk, again.times_seen, again.raised_at) == (first.pk, 2, first.raised_at)
    assert again.last_seen_at > first.last_seen_at
    person = make_person("dora", Role.DIRECTOR)
    acknowledge_alert(actor=Actor.person(person.pk, "dora"), alert_id=first.pk, note=" on it ")
    assert waiting_alerts(person) == []
    kept = trouble()
    assert (kept.acknowledged_by, kept.note) == (person, "on it")
    worse = trouble(severity=AlertSeverity.CRITICAL)
    assert (worse.pk, worse.acknowledged_by, worse.acknowledged_at) == (first.pk, None, None)
    assert waiting_alerts(person) == [worse]
    assert clear_alert(actor=ACTOR, key=first.key) is True
    assert clear_alert(actor=ACTOR, key=first.key) is False
    with pytest.raises(OperationRefused):
        acknowledge_alert(actor=ACTOR, alert_id=first.pk)
    assert actions(first) == ["raise_alert", "acknowledge_alert", "worsen_alert", "clear_alert"]
    second = trouble()
    assert (second.pk != first.pk, Alert.objects.filter(key=first.key).count()) == (True, 2)


@pytest.mark.django_db
def test_all_about_a_record_end_together() -> None:
    client = Client.objects.create(name="Mine", slug="mine")
    trouble("a", subject=client, client=client)
    trouble("b", subject=client, client=client)
    other = trouble("c")
    assert clear_alerts_of(actor=ACTOR, subject=client) == 2
    assert list(Alert.objects.filter(cleared_at__isnull=True)) == [other]


@pytest.mark.django_db(transaction=True)
def test_raised_at_the_same_moment_it_is_one_episode() -> None:
    ready = threading.Barrier(4)

    def raise_one() -> None:
        ready.wait(10)
        trouble("race")
        connection.close()

    threads = [threading.Thread(target=raise_one) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    alert = Alert.objects.get(key="race")
    assert alert.times_seen == 4
    assert actions(alert) == ["raise_alert"]


@pytest.mark.django_db
def test_who_sees_which_and_the_worst_first() -> None:
    mine, theirs = (Client.objects.create(name=slug, slug=slug) for slug in ("mine", "theirs"))
    slow = trouble("m", client=mine)
    dead = trouble("n", AlertSeverity.CRITICAL, client=mine)
    foreign, own = trouble("t", client=theirs), trouble("agency")
    manager = make_person("mia", Role.ACCOUNT_MANAGER)
    ClientGrant.objects.create(user=manager, client=mine)
    assert list(open_alerts(manager)) == [dead, slow]
    assert list(open_alerts(make_person("dora", Role.DIRECTOR))) == [dead, own, foreign, slow]


@pytest.mark.django_db
def test_the_page_the_button_and_the_home_page() -> None:
    client = Client.objects.create(name="Mine", slug="mine")
    alert = trouble("page", AlertSeverity.CRITICAL, subject=client, client=client)
    over = trouble("gone", client=client)
    clear_alert(actor=ACTOR, key="gone")
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(make_person("dora", Role.DIRECTOR))
    listed = reverse("admin:agency_alert_changelist")
    page = browser.get(listed)
    assert [shown.pk for shown in page.context["cl"].result_list] == [alert.pk]
    assert b"broken" in page.content
    assert [shown.pk for shown in browser.get(f"{listed}?episode=over").context["cl"].result_list] == [over.pk]
    assert browser.get("/admin/").content.decode().count("Line 1 is slow") == 1
    record = reverse("admin:agency_alert_change", args=(alert.pk,))
    assert reverse("admin:agency_client_change", args=(client.pk,)) in browser.get(record).content.decode()
    do = reverse("admin:agency_alert_change_do", args=(alert.pk, "acknowledge"))
    assert browser.post(do, {"note": "calling them"}).status_code == 302
    alert.refresh_from_db()
    assert (str(alert.acknowledged_by), alert.note) == ("dora", "calling them")
    assert b"Line 1 is slow" not in browser.get("/admin/").content
    reader = make_person("rita", Role.READ_ONLY)
    browser.force_login(reader)
    assert browser.get(listed).status_code == 403
