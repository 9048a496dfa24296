"""Certificates and key files: what is taken, what is refused beside its field, what is said of them, and in time that they end."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Alert
from agency.states import AlertSeverity, Role
from integrations.connections import connection_facts
from integrations.credentials import read_credential
from integrations.manifest import Checks, Manifest, Setting, SettingKind, exempt
from integrations.models import Connection
from integrations.operations.connections import create_connection, disable_connection, update_connection
from integrations.operations.expiries import review_expiries
from integrations.rules.token_life import expiry_stage, renewal_time, retry_time
from tests.integrations.oauth_provider import install
from tests.worlds import make_person

ACTOR = Actor.system("test")
PASSWORD = "abre-te sésamo"
KEY_FILE = {"client_email": "robot@project.iam", "private_key": "-----BEGIN-----x", "type": "service_account"}
CERTIFICATE = Setting("certificate", "Certificate", "The A1.", kind=SettingKind.CERTIFICATE)
SERVICE_ACCOUNT = Setting(
    "account",
    "Service account",
    "The key file.",
    kind=SettingKind.JSON,
    required=False,
    json_keys=("client_email", "private_key"),
    shown_keys=("client_email",),
)
MANIFEST = Manifest(
    slug="acme",
    title="Acme",
    capabilities=("documents",),
    channels=(),
    purpose="-",
    settings=(CERTIFICATE, SERVICE_ACCOUNT),
    rate_limits=(),
    webhook=False,
    costs=(),
    docs_url="https://acme.test",
    checks=Checks(*[exempt("a service of the tests")] * 10),
)


@pytest.fixture
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, MANIFEST)


def certificate(days: float = 100) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LOJA LTDA:12345678000195")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(4711).not_valid_before(now - timedelta(days=365))
    return key, builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())


def pfx(days: float = 100, password: str = PASSWORD) -> bytes:
    key, found = certificate(days)
    how = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"a1", key, found, None, how)


def pem(key: ec.EllipticCurvePrivateKey, found: x509.Certificate, password: str = "") -> str:
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    return (found.public_bytes(serialization.Encoding.PEM) + private).decode()


def connect(content: bytes, password: str = PASSWORD, **more: str) -> Connection:
    secrets = {"certificate": base64.b64encode(content).decode(), "certificate_password": password, **more}
    return create_connection(actor=ACTOR, service="acme", name="Fiscal", secrets=secrets)


@pytest.mark.django_db
@pytest.mark.usefixtures("_acme")
def test_a_certificate_is_kept_without_its_password_and_says_when_it_ends() -> None:
    connection = connect(pfx(), account=json.dumps(KEY_FILE, indent=2))
    secrets = connection_facts(connection.pk).secrets
    assert set(secrets) == {"certificate", "account"}
    assert secrets["certificate"].startswith("-----BEGIN PRIVATE KEY-----")
    assert json.loads(secrets["account"]) == KEY_FILE
    facts = connection.credential_facts
    assert (facts["certificate"]["subject"], facts["certificate"]["serial"]) == ("LOJA LTDA:12345678000195", "1267")
    assert 99 <= (datetime.fromisoformat(facts["certificate"]["expires_at"]) - timezone.now()).days <= 100
    assert facts["account"] == {"kind": "json", "client_email": "robot@project.iam"}
    update_connection(
        actor=ACTOR, connection_id=connection.pk, name="Renamed"
    )  # what is stored is good without password
    assert connection_facts(connection.pk).secrets == secrets


def test_pem_with_and_without_a_password() -> None:
    key, found = certificate()
    plain = read_credential(CERTIFICATE, pem(key, found))
    assert read_credential(CERTIFICATE, pem(key, found), "superfluous") == plain
    assert read_credential(CERTIFICATE, pem(key, found, PASSWORD), PASSWORD) == plain
    assert read_credential(CERTIFICATE, plain.stored) == plain


@pytest.mark.django_db
@pytest.mark.usefixtures("_acme")
@pytest.mark.parametrize(
    ("secrets", "field", "code"),
    [
        ({"certificate": "%%%"}, "certificate", "certificate_invalid"),
        ({"certificate": base64.b64encode(b"no pfx").decode()}, "certificate", "certificate_unreadable"),
        ({"certificate": base64.b64encode(pfx()).decode()}, "certificate", "certificate_unreadable"),
        (
            {"certificate": base64.b64encode(pfx(days=-1)).decode(), "certificate_password": PASSWORD},
            "certificate",
            "certificate_expired",
        ),
        ({"certificate": pem(certificate()[0], certificate()[1])}, "certificate", "key_mismatch"),
        ({"certificate": pem(*certificate(), PASSWORD)}, "certificate", "certificate_unreadable"),
        ({"certificate": pem(*certificate()).partition("-----BEGIN PRIVATE")[0]}, "certificate", "key_missing"),
        ({"certificate": pem(*certificate()), "account": "[]"}, "account", "json_invalid"),
        ({"certificate": pem(*certificate()), "account": "{"}, "account", "json_invalid"),
        ({"certificate": pem(*certificate()), "account": '{"client_email": "x"}'}, "account", "json_incomplete"),
        ({"certificate": "A" * 140_000}, "certificate", "too_large"),
        ({}, "certificate", "setting_missing"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_its_field(secrets: dict[str, str], field: str, code: str) -> None:
    before = Connection.objects.count()
    with pytest.raises(InvalidInput) as caught:
        create_connection(actor=ACTOR, service="acme", name="Fiscal", secrets=secrets)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert Connection.objects.count() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("_acme")
def test_uploaded_in_the_admin_and_never_shown_again() -> None:
    browser = Browser(headers={"Accept-Language": "en"})
    browser.force_login(make_person("dora", Role.DIRECTOR))
    add = f"{reverse('admin:integrations_connection_add')}?service=acme"
    wrong = {"name": "Fiscal", "client": "", "certificate": SimpleUploadedFile("a.pfx", pfx())}
    answer = browser.post(add, {**wrong, "certificate_password": "wrong"})
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, ["certificate"])
    given = {"name": "Fiscal", "client": "", "certificate": SimpleUploadedFile("a.pfx", pfx())}
    answer = browser.post(add, {**given, "certificate_password": PASSWORD, "account": json.dumps(KEY_FILE)})
    assert answer.status_code == 302
    connection = Connection.objects.latest("pk")
    page = browser.get(reverse("admin:integrations_connection_change", args=(connection.pk,))).content.decode()
    assert "LOJA LTDA:12345678000195" in page and "robot@project.iam" in page
    assert "PRIVATE KEY" not in page and "BEGIN-----x" not in page and PASSWORD not in page


@pytest.mark.django_db
@pytest.mark.usefixtures("_acme")
def test_people_are_told_thirty_seven_and_one_day_before() -> None:
    connection = connect(pfx(days=100))
    now, key = timezone.now(), f"connection:{connection.pk}:expiry:certificate"

    def told(days: float) -> tuple[int, AlertSeverity, str] | None:
        with override("en"):
            review_expiries(actor=ACTOR, now=now + timedelta(days=days))
        alert = Alert.objects.filter(key=key, cleared_at__isnull=True).first()
        return None if alert is None else (alert.pk, AlertSeverity(alert.severity), alert.title)

    assert told(69) is None
    first = told(71)
    assert first is not None and first[1:] == (
        AlertSeverity.INFO,
        "Certificate of Fiscal expires within 29 days",
    )
    worse, worst, over = told(94), told(99.5), told(101)
    assert worse == (first[0], AlertSeverity.WARNING, "Certificate of Fiscal expires within 6 days")
    assert worst == (first[0], AlertSeverity.CRITICAL, "Certificate of Fiscal expires within 1 day")
    assert over == (first[0], AlertSeverity.CRITICAL, "Certificate of Fiscal has expired")
    fresh = {"certificate": base64.b64encode(pfx(days=365)).decode(), "certificate_password": PASSWORD}
    update_connection(actor=ACTOR, connection_id=connection.pk, secrets=fresh)
    assert told(101) is None
    assert told(340) is not None
    disable_connection(actor=ACTOR, connection_id=connection.pk)
    assert not Alert.objects.filter(key=key, cleared_at__isnull=True).exists()
    assert told(340) is None


def test_when_a_token_is_renewed() -> None:
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert renewal_time(begin, begin + hour) == begin + hour / 2
    assert renewal_time(begin, begin + 4 * hour) == begin + 3 * hour
    assert renewal_time(begin, begin + 24 * hour) == begin + 19.2 * hour
    assert [expiry_stage(begin, begin + timedelta(days=days)) for days in (31, 30, 7.5, 7, 1, 0)] == [
        None,
        30,
        30,
        7,
        1,
        0,
    ]
    assert [int((retry_time(begin, tries) - begin).total_seconds()) for tries in (1, 2, 9)] == [60, 300, 1_800]
