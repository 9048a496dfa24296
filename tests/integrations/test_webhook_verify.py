"""Signatures of webhooks: what is accepted, and that nothing altered is."""

import dataclasses
import hashlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from integrations.errors import NotConfigured
from integrations.facts import ConnectionFacts
from integrations.registry import service_module
from integrations.webhooks.request import BadSignature
from tests.integrations import signing
from tests.integrations.signing import Signed

NOW = 1_790_000_000.0
FIELDS = {"MessageSid": "SM1", "MessageStatus": "delivered", "Body": "olá & até já", "Empty": ""}
SIGNED: dict[str, Callable[[bytes], Signed]] = {
    "whatsapp_cloud": signing.meta,
    "resend": lambda body: signing.svix(body, at=NOW),
}


def accepts(service: str, signed: Signed, *, at: float = NOW, connection: ConnectionFacts | None = None) -> bool:
    try:
        service_module(service, "webhook").verify(
            signing.request(service, signed, at=at), connection or signing.facts(service)
        )
    except BadSignature:
        return False
    return True


def changed(signed: Signed, **headers: str) -> Signed:
    return dataclasses.replace(signed, headers={**signed.headers, **headers})


@pytest.mark.parametrize("service", SIGNED)
@given(body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_a_signature_fits_one_body_only(service: str, body: bytes, other: bytes) -> None:
    signed = SIGNED[service](body)
    assert accepts(service, signed)
    assert accepts(service, dataclasses.replace(signed, body=other)) is (body == other)


@pytest.mark.parametrize("service", ["whatsapp_cloud", "evolution", "twilio", "resend"])
def test_a_request_without_proof_is_refused(service: str) -> None:
    assert not accepts(service, Signed({"content-type": "application/json"}, b"{}"))
    assert not accepts(service, Signed({"content-type": "application/x-www-form-urlencoded"}, b"a=b"))


@pytest.mark.parametrize("service", ["whatsapp_cloud", "evolution", "twilio", "resend"])
def test_a_connection_without_its_secret_accepts_nothing(service: str) -> None:
    bare = ConnectionFacts(id=1, service=service, key=signing.KEY)
    with pytest.raises(NotConfigured):
        accepts(service, Signed({}, b""), connection=bare)


def test_meta_answers_the_handshake_only_to_who_knows_the_token() -> None:
    answer = service_module("whatsapp_cloud", "webhook").answer_handshake
    facts = signing.facts("whatsapp_cloud")
    query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert answer(signing.request("whatsapp_cloud", Signed({}, b"", query + "verify-1", "GET")), facts) == b"1158201444"
    for wrong in (query + "verify-2", query, "hub.challenge=1&hub.verify_token=verify-1", "%00&hub.mode"):
        with pytest.raises(BadSignature):
            answer(signing.request("whatsapp_cloud", Signed({}, b"", wrong, "GET")), facts)


def test_resend_tolerates_five_minutes_either_way() -> None:
    signed = signing.svix(b"{}", at=NOW)
    assert [accepts("resend", signed, at=NOW + skew) for skew in (-301, -300, 300, 301)] == [False, True, True, False]
    assert not accepts("resend", changed(signed, **{"svix-id": "msg_2"}))
    assert not accepts("resend", changed(signed, **{"svix-timestamp": str(int(NOW) + 1)}))
    assert not accepts("resend", changed(signed, **{"svix-timestamp": "²"}))
    assert not accepts("resend", changed(signed, **{"svix-signature": ""}))


def test_evolution_proves_itself_by_token_or_by_a_fresh_jwt() -> None:
    assert accepts("evolution", signing.evolution(b"{}"))
    assert not accepts("evolution", Signed({"authorization": "Bearer evolution-token"}, b"{}"))
    jwt = signing.evolution_jwt(b"{}", issued=NOW)
    assert [accepts("evolution", jwt, at=NOW + age) for age in (-61, 0, 600, 659, 661)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    long_lived = signing.evolution_jwt(b"{}", issued=NOW, lives=10**6)
    assert not accepts("evolution", long_lived, at=NOW + 661)
    assert not accepts("evolution", signing.evolution_jwt(b"{}", issued=NOW, algorithm="none"))
    assert not accepts("evolution", signing.evolution_jwt(b"{}", issued=NOW, secret="another"))
    token = jwt.headers["Authorization"]
    for cut in (token[:-1], token + "=", token[:-1] + "!", "Bearer a.b.c", "Bearer ..", "Bearer é"):
        assert not accepts("evolution", changed(jwt, Authorization=cut))


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_twilio_signs_address_and_fields(algorithm: str) -> None:
    signed = signing.twilio(FIELDS, query="reference=41", algorithm=algorithm)
    assert accepts("twilio", signed)
    assert not accepts("twilio", dataclasses.replace(signed, query="reference=42"))
    assert not accepts("twilio", dataclasses.replace(signed, body=signed.body + b"&More=1"))
    assert not accepts("twilio", dataclasses.replace(signed, body=b"\xff=1"))
    assert not accepts("twilio", changed(signed, **{"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_MD5"}))
    other = "HMAC_SHA256" if algorithm == "HMAC_SHA1" else "HMAC_SHA1"
    assert not accepts("twilio", changed(signed, **{"X-Twilio-Webhooks-Signature-Settings": f"algorithm={other}"}))


@given(
    fields=st.dictionaries(st.text("abcXYZ09+ &=é", min_size=1, max_size=6), st.text(max_size=12), max_size=6),
    port=st.sampled_from(["", ":80", ":8000"]),
)
def test_twilio_agrees_with_the_sdk(fields: dict[str, str], port: str) -> None:
    base = f"http://door.example{port}/webhooks/twilio/{signing.KEY}"
    signature = RequestValidator(signing.SECRETS["twilio"]["auth_token"]).compute_signature(base, fields)
    signed = changed(signing.twilio(fields), **{"X-Twilio-Signature": signature})
    request = dataclasses.replace(signing.request("twilio", signed), url=base)
    theirs = RequestValidator(signing.SECRETS["twilio"]["auth_token"]).validate(base, fields, signature)
    try:
        service_module("twilio", "webhook").verify(request, signing.facts("twilio"))
        ours = True
    except BadSignature:
        ours = False
    assert (ours, theirs) == (True, True)


def test_twilio_covers_a_json_body_by_its_hash_in_the_address() -> None:
    body = b'{"MessageSid":"SM1"}'
    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = signing.twilio({}, query=query).headers["X-Twilio-Signature"]
    signed = Signed({**signing.JSON, "X-Twilio-Signature": signature}, body, query)
    assert accepts("twilio", signed)
    assert not accepts("twilio", dataclasses.replace(signed, body=body + b" "))
    bare = signing.twilio({}).headers["X-Twilio-Signature"]
    assert not accepts("twilio", Signed({**signing.JSON, "X-Twilio-Signature": bare}, body))


def test_deliveries_are_named_by_what_the_provider_repeats() -> None:
    def name(service: str, signed: Signed) -> str:
        return str(service_module(service, "webhook").event_id(signing.request(service, signed)))

    assert name("whatsapp_cloud", signing.meta(b"{}")) == hashlib.sha256(b"{}").hexdigest()
    assert name("resend", signing.svix(b"{}", event="msg_9")) == "msg_9"
    assert name("twilio", signing.twilio(FIELDS)) == "SM1:delivered"
    assert name("twilio", signing.twilio({"SmsSid": "SM2", "SmsStatus": "received"})) == "SM2:received"
    first, second = (signing.evolution_jwt(b"{}", issued=time.time() - age) for age in (0, 5))
    assert name("evolution", first) == name("evolution", second)
