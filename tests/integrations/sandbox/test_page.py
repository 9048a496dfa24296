"""The page shows what arrived, switches faults, and cannot be abused by other pages or by texts."""

from urllib.parse import urlencode

import pytest

from integrations.sandbox.runner import RunningSandbox

from .asking import Answer, ask
from .library import RunningLibrary


def look(sandbox: RunningSandbox, path: str = "/", language: str = "en") -> str:
    answer = ask("GET", sandbox.url + path, headers={"accept-language": language})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.body.decode()


def press(sandbox: RunningSandbox, path: str, form: dict[str, str], **headers: str) -> Answer:
    named = {"content-type": "application/x-www-form-urlencoded", **headers}
    return ask("POST", f"{sandbox.url}/_page{path}", body=urlencode(form).encode(), headers=named)


def send(sandbox: RunningSandbox, number: str, text: str) -> None:
    body = {"number": number, "text": text}
    url = f"{sandbox.base_url('evolution')}/message/sendText/sandbox-1"
    assert ask("POST", url, content=body, apikey="sandbox-evolution-key").status == 201


def test_an_empty_page_says_what_to_do(sandbox: RunningSandbox) -> None:
    page = look(sandbox)
    assert "Not real: no message leaves this machine." in page
    assert "Nothing has arrived yet." in page
    assert f"{sandbox.url}/whatsapp_cloud" in page


def test_the_browser_chooses_the_language(sandbox: RunningSandbox) -> None:
    portuguese = look(sandbox, language="pt-BR,pt;q=0.9,en;q=0.8")
    assert '<html lang="pt-br">' in portuguese
    assert "Não é real: nenhuma mensagem sai desta máquina." in portuguese
    assert '<html lang="en">' in look(sandbox, language="en-US,pt;q=0.5")


def test_phones_are_listed_searched_and_escaped(sandbox: RunningSandbox) -> None:
    for last in (1, 2):
        sandbox.control.set_outcome(f"+551198000000{last}", "read")
    send(sandbox, "5511980000001", "Oferta <script>alert(1)</script>")
    send(sandbox, "5511980000002", "Outra mensagem")
    page = look(sandbox)
    assert page.index("+5511980000002") < page.index("+5511980000001")
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    found = look(sandbox, "/?q=oferta")
    assert "+5511980000001" in found and "+5511980000002" not in found
    assert "Nothing matches." in look(sandbox, "/?service=twilio")
    assert "+5511980000001" in look(sandbox, "/_page/live?q=8000")


def test_a_conversation_is_shown_when_it_is_open(sandbox: RunningSandbox) -> None:
    for text in ("primeira mensagem", "segunda mensagem"):
        send(sandbox, "5511980000004", text)
    closed = look(sandbox)
    assert "segunda mensagem" in closed and "primeira mensagem" not in closed
    assert 'href="/?&amp;open=%2B5511980000004"' in closed
    assert "primeira mensagem" in look(sandbox, "/?open=%2B5511980000004")


def test_services_are_listed_with_operations_writes_and_faults(library: RunningLibrary) -> None:
    for title in ("Dom Casmurro", "Iracema <b>"):
        ask("POST", f"{library.url}/books", content={"title": title})
    library.control.add_fault("drop_field", operation="list", path="data[].id")
    page = ask("GET", library.control.url + "/?open=services,service:library", headers={"accept-language": "en"})
    text = " ".join(page.body.decode().split())
    assert "<b>Library</b>" in text.replace(' class="name"', "")
    assert f"<code>{library.url}</code>" in text
    assert "<b>2</b> requests" in text and "<b>2</b> writes" in text and "1 fault<" in text
    assert "drop_field · all services · list · data[].id · struck 0 times" in text
    assert "<code>add</code> <b>2</b>" in text and "<code>list</code> </li>" in text
    assert text.index("Iracema &lt;b&gt;") < text.index("Dom Casmurro")
    assert 'data-address="services" open>' in text and 'data-address="service:library" open>' in text


def test_a_switch_that_a_service_does_not_have_says_so(sandbox: RunningSandbox) -> None:
    answer = press(sandbox, "/faults/on", {"kind": "cut_body", "service": "smtp"})
    assert answer.headers["location"].startswith("/?problem=cut_body+cannot+strike+SMTP")
    assert sandbox.control.state()["faults"] == []


def test_nothing_comes_from_elsewhere(sandbox: RunningSandbox) -> None:
    answer = ask("GET", sandbox.url + "/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert b"https://" not in answer.body


def test_switches_turn_faults_on_and_off(sandbox: RunningSandbox) -> None:
    form = {"kind": "latency", "service": "twilio", "share": "0.5", "seconds": "3"}
    answer = press(sandbox, "/faults/on?q=x", form)
    assert (answer.status, answer.headers["location"]) == (303, "/?q=x")
    [fault] = sandbox.control.state()["faults"]
    assert (fault["kind"], fault["service"], fault["share"], fault["seconds"]) == ("latency", "twilio", 0.5, 3.0)
    assert "twilio · 50 % · 3 s · struck 0 times" in look(sandbox)
    press(sandbox, "/faults/off", {"kind": "latency"})
    assert sandbox.control.state()["faults"] == []
    press(sandbox, "/hold", {"held": "1"})
    assert sandbox.control.state()["webhooks"]["held"] is True
    press(sandbox, "/faults/clear", {})
    assert sandbox.control.state()["webhooks"]["held"] is False


def test_one_answers_as_the_person(sandbox: RunningSandbox) -> None:
    send(sandbox, "5511980000003", "Olá")
    form = {"service": "evolution", "account": "sandbox-1", "address": "+5511980000003", "text": "SAIR"}
    answer = press(sandbox, "/say?open=%2B5511980000003", form)
    assert answer.headers["location"] == "/?open=%2B5511980000003"
    assert "SAIR" in look(sandbox)
    assert press(sandbox, "/say", {**form, "text": " "}).headers["location"] == "/?problem=Write+something+first."


@pytest.mark.parametrize(
    ("path", "form"),
    [("/faults/on", {"kind": "nonsense"}), ("/faults/on", {"kind": "latency", "share": "7"})],
)
def test_a_senseless_form_is_answered_with_the_problem(
    sandbox: RunningSandbox, path: str, form: dict[str, str]
) -> None:
    assert press(sandbox, path, form).headers["location"].startswith("/?problem=")
    assert sandbox.control.state()["faults"] == []


def test_another_sites_page_may_change_nothing(sandbox: RunningSandbox) -> None:
    form = {"kind": "latency"}
    assert press(sandbox, "/faults/on", form, origin="https://evil.example").status == 404
    control = ask("POST", f"{sandbox.url}/_control/reset", content={}, origin="https://evil.example")
    assert control.status == 403
    assert sandbox.control.state()["faults"] == []
