"""SPF, DKIM and DMARC: each row of the table, asked of a real name server, and what it means for a campaign."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agency.kit.actor import Actor
from agency.kit.schedules import declared_schedules
from agency.models import AuditEntry, Client
from campaigns.outreach.selectors.readiness import failing_mail_checks
from integrations.models import Connection
from messaging.models import Sender
from messaging.rules.mail_domain import Finding, judge_dkim, judge_dmarc, judge_spf, mail_domain, spf_names
from messaging.runners.mail_checks import check_sender_mail
from messaging.states import ChannelKind
from messaging.tasks import check_mail_domains
from tests.messaging.name_server import SERVFAIL, NameServer, name_server

ACTOR = Actor.system("tests")


def public_key(bits: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


STRONG, SHORT = public_key(2048), public_key(1024)
ED25519 = base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
ELEVEN = {f"n{n}.x": (f"v=spf1 include:n{n + 1}.x -all",) for n in range(11)} | {"n11.x": ("v=spf1 -all",)}


@pytest.mark.parametrize(
    ("txt", "expected"),
    [
        ({"a.x": ("v=spf1 mx -all",)}, ("pass", "in_order", "a.x")),
        ({"a.x": ("other", "V=SPF1 ip4:192.0.2.1 ~ALL")}, ("pass", "in_order", "a.x")),
        ({"a.x": ("v=spf1 redirect=b.x",), "b.x": ("v=spf1 mx -all",)}, ("pass", "in_order", "a.x")),
        ({"a.x": ("v=spf1 mx ?all",)}, ("warn", "no_verdict", "a.x")),
        ({"a.x": ("v=spf1 mx",)}, ("warn", "no_verdict", "a.x")),
        ({"a.x": ("v=spf10 -all",)}, ("fail", "no_record", "a.x")),
        ({"a.x": ("v=spf1 -all", "v=spf1 mx ~all")}, ("fail", "several_records", "a.x")),
        ({"a.x": ("v=spf1 +all",)}, ("fail", "allows_everybody", "a.x")),
        ({"a.x": ("v=spf1 all",)}, ("fail", "allows_everybody", "a.x")),
        ({"a.x": ("v=spf1 include:b.x -all",), "b.x": ("no spf",)}, ("fail", "broken_include", "b.x")),
        ({"a.x": ("v=spf1 include:a.x -all",)}, ("fail", "too_many_lookups", "a.x")),
        ({"a.x": (f"v=spf1 {'a:h.x ' * 11}-all",)}, ("fail", "too_many_lookups", "a.x")),
        ({"a.x": (f"v=spf1 {'a:h.x ' * 10}-all",)}, ("pass", "in_order", "a.x")),
        ({"a.x": ("v=spf1 include:n0.x -all",), **ELEVEN}, ("fail", "too_many_lookups", "a.x")),
        ({"a.x": ("v=spf1 include:%{i}.b.x -all",)}, ("pass", "in_order", "a.x")),
    ],
)
def test_spf(txt: dict[str, tuple[str, ...]], expected: tuple[str, str, str]) -> None:
    assert spf_names(("a.x",), txt) == []
    found = judge_spf(("a.x",), txt)
    assert (found.state, found.code, found.name) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (f"v=DKIM1; k=rsa; p={STRONG}", ("pass", "in_order")),
        (f"v=DKIM1; k=ed25519; p={ED25519}", ("pass", "in_order")),
        (f"p={SHORT}", ("warn", "key_short")),
        ("v=DKIM1; p=", ("fail", "key_revoked")),
        ("v=DKIM1; k=rsa; p=not a key", ("fail", "key_unreadable")),
        ("something else", ("fail", "no_record")),
    ],
    ids=["rsa", "ed25519", "short", "revoked", "unreadable", "none"],  # the keys themselves differ in each process
)
def test_dkim_keys(record: str, expected: tuple[str, str]) -> None:
    found = judge_dkim("a.x", "s", (), {"s._domainkey.a.x": (record,)})
    assert (found.state, found.code) == expected


@pytest.mark.parametrize(
    ("txt", "expected"),
    [
        ({"_dmarc.m.a.x": ("v=DMARC1; p=reject",)}, ("pass", "in_order", "_dmarc.m.a.x")),
        ({"_dmarc.a.x": ("v=DMARC1; p=none; sp=quarantine",)}, ("pass", "in_order", "_dmarc.a.x")),
        ({"_dmarc.a.x": ("v=DMARC1; p=reject; sp=none",)}, ("warn", "policy_none", "_dmarc.a.x")),
        ({"_dmarc.m.a.x": ("v=DMARC1; rua=mailto:x@a.x",)}, ("fail", "no_policy", "_dmarc.m.a.x")),
        ({"_dmarc.m.a.x": ("v=DMARC1; p=none", "v=DMARC1; p=reject")}, ("fail", "several_records", "_dmarc.m.a.x")),
        ({"_dmarc.m.a.x": ("wildcard",)}, ("fail", "no_record", "_dmarc.m.a.x")),
        ({"_dmarc.x": ("v=DMARC1; p=reject",)}, ("fail", "no_record", "_dmarc.m.a.x")),
    ],
)
def test_dmarc(txt: dict[str, tuple[str, ...]], expected: tuple[str, str, str]) -> None:
    found = judge_dmarc("m.a.x", txt)
    assert (found.state, found.code, found.name) == expected


def test_the_domain_of_an_address() -> None:
    assert [mail_domain(each) for each in ("Aurora <ola@Padaria.com.br>", "a@b.c", "nobody")] == [
        "padaria.com.br",
        "b.c",
        "",
    ]


@pytest.fixture
def sender(db: None) -> Sender:
    client = Client.objects.create(name="Padaria", slug="padaria")
    connection = Connection.objects.create(service="resend", name="E-mail", client=client)
    fields: dict[str, Any] = {"client": client, "connection": connection, "channel": ChannelKind.EMAIL}
    return Sender.objects.create(name="Notícias", address="Padaria <ola@padaria.com.br>", **fields)


GOOD: dict[str, list[str] | str] = {
    "send.padaria.com.br": ["v=spf1 include:mail.example ~all"],
    "mail.example": ["v=spf1 ip4:192.0.2.0/24 -all"],
    "resend._domainkey.padaria.com.br": [f"v=DKIM1; p={STRONG}"],
    "_dmarc.padaria.com.br": ["v=DMARC1; p=quarantine"],
}


def states(sender: Sender) -> dict[str, tuple[str, str]]:
    sender.refresh_from_db()
    return {name: (value["state"], value["code"]) for name, value in sender.mail_checks.items()}


def checked(sender: Sender, server: NameServer, settings: Any) -> dict[str, tuple[str, str]]:
    settings.DNS_SERVER = server.address
    check_sender_mail(sender_id=sender.pk, actor=ACTOR)
    return states(sender)


def test_a_domain_is_asked_about_at_its_name_server(sender: Sender, settings: Any) -> None:
    with name_server(GOOD) as server:
        assert checked(sender, server, settings) == {
            "spf": ("pass", "in_order"),
            "dkim": ("pass", "in_order"),
            "dmarc": ("pass", "in_order"),
        }
    # The service's own place for bounces and its own selector are asked first, and nothing else is.
    assert server.asked == [
        "send.padaria.com.br",
        "mail.example",
        "resend._domainkey.padaria.com.br",
        "_dmarc.padaria.com.br",
        "_dmarc.com.br",
    ]
    assert sender.mail_checks["dkim"]["name"] == "resend._domainkey.padaria.com.br"
    assert failing_mail_checks(sender) == []


def test_only_what_fails_keeps_a_campaign_back(sender: Sender, settings: Any) -> None:
    with name_server({"_dmarc.padaria.com.br": ["v=DMARC1; p=none"]}) as server:
        assert checked(sender, server, settings) == {
            "spf": ("fail", "no_record"),
            "dkim": ("unknown", "selector_unknown"),
            "dmarc": ("warn", "policy_none"),
        }
        assert failing_mail_checks(sender) == ["SPF"]
        Sender.objects.update(dkim_selector="novo")
        assert checked(sender, server, settings)["dkim"] == ("fail", "no_record")
        assert failing_mail_checks(sender) == ["DKIM", "SPF"]
        server.zone |= {**GOOD, "novo._domainkey.padaria.com.br": [f"p={SHORT}"]}
        assert checked(sender, server, settings)["dkim"] == ("warn", "key_short")
        assert failing_mail_checks(sender) == []
    actions = AuditEntry.objects.filter(action="record_mail_checks").order_by("pk")
    assert [entry.after for entry in actions] == [
        {"spf": "fail", "dkim": "unknown", "dmarc": "warn"},
        {"spf": "fail", "dkim": "fail", "dmarc": "warn"},
        {"spf": "pass", "dkim": "warn", "dmarc": "pass"},
    ]


def test_without_an_answer_what_was_known_stays(sender: Sender, settings: Any) -> None:
    failing: dict[str, list[str] | str] = dict.fromkeys(GOOD, SERVFAIL)
    with name_server(failing) as server:
        unknown = dict.fromkeys(("spf", "dkim", "dmarc"), ("unknown", "no_answer"))
        assert checked(sender, server, settings) == unknown
        server.zone |= GOOD
        known = checked(sender, server, settings)
        server.zone |= {"mail.example": SERVFAIL, "_dmarc.padaria.com.br": SERVFAIL}
        before = dict(sender.mail_checks)
        assert checked(sender, server, settings) == known
        assert [sender.mail_checks[name] == before[name] for name in ("spf", "dkim", "dmarc")] == [True, False, True]
    assert AuditEntry.objects.filter(action="record_mail_checks").count() == 2


def test_every_mailbox_is_checked_daily_and_nothing_else(sender: Sender, settings: Any) -> None:
    other = Sender.objects.create(
        client=sender.client,
        connection=sender.connection,
        channel=ChannelKind.SMS,
        name="SMS",
        address="+5511999990000",
    )
    with name_server(GOOD) as server:
        settings.DNS_SERVER = server.address
        check_mail_domains(slot="2026-03-02T09:00:00+00:00")
    assert states(sender)["spf"] == ("pass", "in_order") and states(other) == {}
    (declared,) = [each for each in declared_schedules() if each.task == "messaging.check_mail_domains"]
    assert (declared.rule, declared.missed) == ("daily 06:00", "latest")


def test_a_finding_says_where_the_record_should_be() -> None:
    assert judge_spf(("send.a.x", "a.x"), {"send.a.x": (), "a.x": ()}) == Finding("fail", "no_record", "send.a.x")
