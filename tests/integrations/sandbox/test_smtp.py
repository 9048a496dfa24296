"""The imitated mail server, asked through Python's own SMTP client."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from integrations.sandbox.runner import RunningSandbox

from .receiver import Receiver


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=10)
    client.login("sandbox", "sandbox-password")
    yield client
    client.close()


def letter(to: str, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Loja <oi@loja.example>"
    message["To"] = to
    message["Subject"] = "Promoção de março"
    message["Message-ID"] = "<key-1@loja.example>"
    message["X-Batuta-Reference"] = "12"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Olá, Ana\n.com um ponto no início\n")
    return message


def test_a_letter_is_accepted_with_its_reference(client: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.control.set_outcome("ana@example.com", "delivered")
    assert client.send_message(letter("Ana@example.com")) == {}
    [accepted] = sandbox.control.acceptances()
    assert (accepted.sender, accepted.to, accepted.reference) == ("oi@loja.example", "ana@example.com", "12")
    assert (accepted.provider_id, accepted.subject) == ("key-1@loja.example", "Promoção de março")
    assert accepted.text == "Olá, Ana\n.com um ponto no início\n"


def test_login_is_required_and_checked(sandbox: RunningSandbox) -> None:
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=10) as stranger:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            stranger.send_message(letter("ana@example.com"))
        assert refused.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
            stranger.login("sandbox", "wrong")
        assert wrong.value.smtp_code == 535
    assert sandbox.control.acceptances() == []


def test_a_dead_mailbox_is_refused_at_rcpt(client: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.control.set_outcome("bia@example.com", "failed", code="5.1.1")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.send_message(letter("bia@example.com"))
    code, text = refused.value.recipients["bia@example.com"]
    assert (code, text.startswith(b"5.1.1 ")) == (550, True)
    assert sandbox.control.acceptances() == []


def test_faults_strike_before_and_after_acceptance(client: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.control.set_outcome("ana@example.com", "delivered")
    sandbox.control.add_fault("rate_limit", service="smtp", count=1)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as slow:
        client.send_message(letter("ana@example.com"))
    assert slow.value.recipients["ana@example.com"][0] == 451
    sandbox.control.add_fault("server_error", service="smtp", count=1)
    with pytest.raises(smtplib.SMTPDataError) as broken:
        client.send_message(letter("ana@example.com"))
    assert broken.value.smtp_code == 451
    assert sandbox.control.acceptances() == []
    sandbox.control.add_fault("cut_after", service="smtp", count=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(letter("ana@example.com"))
    assert len(sandbox.control.acceptances()) == 1


def test_whoever_wants_out_clicks_the_unsubscribe_header(
    client: smtplib.SMTP, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    sandbox.control.set_outcome("ana@example.com", "replied", words="SAIR")
    one_click = "List-Unsubscribe=One-Click"
    client.send_message(
        letter("ana@example.com", List_Unsubscribe=f"<{receiver.url}/u/t>", List_Unsubscribe_Post=one_click)
    )
    sandbox.control.wait_until_quiet()
    assert [(taken.target, taken.body) for taken in receiver.taken] == [("/u/t", one_click.encode())]
