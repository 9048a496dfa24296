"""What each client sends its provider, byte for byte where the provider looks at it."""

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from integrations.capabilities.messages import TemplateCall, open_channel
from integrations.errors import (
    AuthenticationFailed,
    NotConfigured,
)
from tests.integrations.channel_probe import ACCEPTED, facts, message, send
from tests.integrations.raw_server import answering


def request_of(service: str, outbound: Any, **settings: str) -> tuple[str, dict[str, str], bytes]:
    """The request line, the headers and the body that the client sends."""
    status, body, _ = ACCEPTED[service]
    _, server = send(service, answering(orjson.dumps(body), f"{status} Status"), outbound, **settings)
    (request,) = server.requests
    head, _, content = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, content


def test_what_whatsapp_cloud_is_sent() -> None:
    template = TemplateCall("promo", "pt_BR", ("Ana", "10%"))
    line, headers, body = request_of("whatsapp_cloud", message("whatsapp_cloud", template=template))
    assert line == "POST /v26.0/100000000000001/messages HTTP/1.1"
    assert headers["authorization"] == "Bearer EAAB-secret"
    assert orjson.loads(body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "5511987654321",
        "type": "template",
        "template": {
            "name": "promo",
            "language": {"code": "pt_BR"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "10%"}]}
            ],
        },
        "biz_opaque_callback_data": "4711",
    }
    _, _, body = request_of("whatsapp_cloud", message("whatsapp_cloud", to="BR.1A2B3C"))
    assert orjson.loads(body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "recipient": "BR.1A2B3C",
        "type": "text",
        "text": {"body": "Olá, Ana", "preview_url": False},
        "biz_opaque_callback_data": "4711",
    }
    with_file = replace(message("whatsapp_cloud"), media_url="https://cdn.example.com/a/foto.jpg")
    assert orjson.loads(request_of("whatsapp_cloud", with_file)[2])["image"] == {
        "link": "https://cdn.example.com/a/foto.jpg",
        "caption": "Olá, Ana",
    }
    with_file = replace(with_file, media_url="https://cdn.example.com/tabela.pdf")
    assert orjson.loads(request_of("whatsapp_cloud", with_file)[2])["document"] == {
        "link": "https://cdn.example.com/tabela.pdf",
        "caption": "Olá, Ana",
        "filename": "tabela.pdf",
    }


def test_what_evolution_is_sent() -> None:
    line, headers, body = request_of("evolution", message("evolution"))
    assert line == "POST /message/sendText/loja HTTP/1.1"
    assert headers["apikey"] == "evolution-secret"
    assert orjson.loads(body) == {"number": "5511987654321", "text": "Olá, Ana", "linkPreview": False}
    with_file = replace(message("evolution"), media_url="https://cdn.example.com/v/video.mp4", sender="a/b")
    line, _, body = request_of("evolution", with_file)
    assert line == "POST /message/sendMedia/a%2Fb HTTP/1.1"
    assert orjson.loads(body) == {
        "number": "5511987654321",
        "mediatype": "video",
        "mimetype": "video/mp4",
        "caption": "Olá, Ana",
        "fileName": "video.mp4",
        "media": "https://cdn.example.com/v/video.mp4",
    }
    line, _, body = request_of("evolution", message("evolution", template=TemplateCall("promo", "pt_BR", ("Ana",))))
    assert line == "POST /message/sendTemplate/loja HTTP/1.1"
    assert orjson.loads(body)["components"] == [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]


def test_what_twilio_is_sent() -> None:
    line, headers, body = request_of("twilio", message("twilio"))
    account = "AC0123456789abcdef0123456789abcdef"
    assert line == f"POST /2010-04-01/Accounts/{account}/Messages.json HTTP/1.1"
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == f"{account}:twilio-secret"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode()) == {
        "To": ["+5511987654321"],
        "From": ["+15005550006"],
        "Body": ["Olá, Ana"],
        "StatusCallback": ["https://batuta.example.com/webhooks/twilio/public-key?reference=4711"],
    }
    outbound = replace(
        message("twilio", template=TemplateCall("HX1", "pt_BR", ("Ana", "10%"))), sender="whatsapp:+1500"
    )
    _, _, body = request_of("twilio", outbound, channel="whatsapp")
    assert parse_qs(body.decode()) == {
        "To": ["whatsapp:+5511987654321"],
        "From": ["whatsapp:+1500"],
        "ContentSid": ["HX1"],
        "ContentVariables": ['{"1":"Ana","2":"10%"}'],
        "StatusCallback": ["https://batuta.example.com/webhooks/twilio/public-key?reference=4711"],
    }
    outbound = replace(message("twilio"), sender="MG1", media_url="https://cdn.example.com/a.jpg")
    fields = parse_qs(request_of("twilio", outbound)[2].decode())
    assert (fields["MessagingServiceSid"], fields["MediaUrl"]) == (["MG1"], ["https://cdn.example.com/a.jpg"])
    assert "From" not in fields


def test_what_resend_is_sent() -> None:
    line, headers, body = request_of("resend", message("resend"))
    assert line == "POST /emails HTTP/1.1"
    assert headers["authorization"] == "Bearer re_secret"
    assert headers["idempotency-key"] == "job-7.contact-9.step-1"
    assert orjson.loads(body) == {
        "from": "Loja Ana <loja@example.com>",
        "to": ["ana@example.com"],
        "subject": "Novidades para você",
        "html": "<p>Olá, <b>Ana</b></p>",
        "text": "Olá, Ana",
        "headers": {
            "List-Unsubscribe": "<https://batuta.example.com/u/token>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "tags": [{"name": "reference", "value": "4711"}],
    }


@pytest.mark.parametrize(
    ("service", "settings", "secrets", "code"),
    [
        ("nothing", {}, {}, "service_unknown"),
        ("resend", {}, {}, "setting_missing"),
        ("whatsapp_cloud", {"business_account_id": "1"}, {"access_token": "x"}, "setting_missing"),
    ],
)
def test_an_incomplete_connection_is_not_configured(
    service: str, settings: dict[str, str], secrets: dict[str, str], code: str
) -> None:
    incomplete = replace(facts("resend", "https://example.com"), service=service, settings=settings, secrets=secrets)
    with pytest.raises(NotConfigured) as caught:
        open_channel(incomplete)
    assert caught.value.code == code
    assert not isinstance(caught.value, AuthenticationFailed)
