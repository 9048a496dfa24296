"""Language and time zone of one person, chosen by that person; and finding one's way in the audit log."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from agency.kit.actor import Actor
from agency.models import AuditEntry, Client
from agency.operations.audit import record_audit
from agency.states import Role
from tests.worlds import make_person

pytestmark = pytest.mark.django_db
PAGE = "/accounts/preferences/"


def test_a_person_chooses_language_and_clock() -> None:
    person = make_person("ana", Role.READ_ONLY)
    browser = Browser(headers={"Accept-Language": "en"})
    assert browser.get(PAGE).headers["Location"] == f"/accounts/login/?next={PAGE}"
    browser.force_login(person)
    assert '<html lang="en">' in browser.get(PAGE).content.decode()
    assert PAGE in browser.get("/admin/").content.decode()
    assert browser.post(PAGE, {"language": "pt-br", "time_zone": "Asia/Tokyo"}).headers["Location"] == PAGE
    person.refresh_from_db()
    assert (person.language, person.time_zone) == ("pt-br", "Asia/Tokyo")
    page = browser.get(PAGE).content.decode()
    assert '<html lang="pt-br">' in page
    assert '<option value="Asia/Tokyo" selected>' in page
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"
    wrong = browser.post(PAGE, {"language": "xx", "time_zone": "Mars/North"})
    assert sorted(wrong.context["form"].errors) == ["language", "time_zone"]
    assert browser.post(PAGE, {"language": "", "time_zone": ""}).status_code == 302
    entries = AuditEntry.objects.filter(action="change_preferences", subject_id=person.pk).order_by("pk")
    assert [entry.after for entry in entries] == [
        {"language": "pt-br", "time_zone": "Asia/Tokyo"},
        {"language": "", "time_zone": ""},
    ]


def test_the_audit_log_is_searched_by_record_and_by_person_and_narrowed() -> None:
    director = make_person("dora", Role.DIRECTOR)
    first, second = (Client.objects.create(name=name, slug=name) for name in ("one", "two"))
    record_audit(actor=Actor.system("test"), action="by_system", subject=first, client=first)
    record_audit(actor=Actor.person(director.pk, "dora"), action="by_dora", subject=second, client=second)
    AuditEntry.objects.filter(action="by_system").update(at=timezone.now() - timedelta(days=3))
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(director)

    def found(query: str) -> set[str]:
        page = browser.get(f"/admin/agency/auditentry/?{query}")
        return {entry.action for entry in page.context["cl"].result_list} - {"sync_roles"}  # from the migrations

    assert found("") == {"by_system", "by_dora"}
    assert found(f"q=client+{first.pk}") == {"by_system"}
    assert found(f"q=agency.Client+{second.pk}") == {"by_dora"}
    assert found(f"q=campaign+{first.pk}") == set()
    assert found("q=Dora@example.com") == {"by_dora"}
    assert found("q=nobody@example.com") == found("q=by_dora") == set()
    assert found("by=system") == {"by_system"}
    assert found("by=people") == {"by_dora"}
    assert found("days=1") == {"by_dora"}
    assert found("days=7") == found("days=nonsense") == {"by_system", "by_dora"}
