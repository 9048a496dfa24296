"""The acceptance log survives whatever is killed, and says so exactly."""

import os
import resource
import signal
from pathlib import Path

import pytest

from integrations.sandbox.log import read_acceptances
from integrations.sandbox.runner import RunningSandbox, SandboxDidNotStart, running_sandbox, start_sandbox, stop_sandbox

from .asking import ask


def send(sandbox: RunningSandbox, text: str) -> str:
    body = {"messaging_product": "whatsapp", "to": "5511987654321", "type": "text", "text": {"body": text}}
    url = f"{sandbox.base_url('whatsapp_cloud')}/v26.0/100000000000001/messages"
    answer = ask("POST", url, content=body, authorization="Bearer sandbox-token")
    assert answer.status == 200
    return str(answer.json()["messages"][0]["id"])


def test_whatever_was_answered_is_in_the_log_after_kill_9(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    sandbox = start_sandbox(log=log)
    answered = [send(sandbox, f"m{number}") for number in range(50)]
    os.kill(sandbox.process.pid, signal.SIGKILL)
    stop_sandbox(sandbox)
    assert [accepted.provider_id for accepted in read_acceptances(log)] == answered


def test_a_torn_last_line_is_left_out_and_the_next_run_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    with running_sandbox(log=log) as sandbox:
        first = send(sandbox, "m1")
    with log.open("ab") as file:
        file.write(b'{"number":2,"at":17')
    assert [accepted.provider_id for accepted in read_acceptances(log)] == [first]
    with running_sandbox(log=log) as sandbox:
        second = send(sandbox, "m2")
        assert [(each.number, each.provider_id) for each in read_acceptances(log)] == [(1, first), (2, second)]
        found, position = sandbox.control.acceptances_since(0)
        assert [each.provider_id for each in found] == [first, second]
        third = send(sandbox, "m3")
        found, _ = sandbox.control.acceptances_since(position)
        assert [each.provider_id for each in found] == [third]
        sandbox.control.reset()
        fourth = send(sandbox, "m4")
        found, _ = sandbox.control.acceptances_since(position)
        assert [(each.number, each.provider_id) for each in found] == [(4, fourth)]
    assert first != second


def test_a_registered_account_is_known_after_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    with running_sandbox(log=log) as sandbox:
        sandbox.control.open_account("resend", name="shop", api_key="re_shop", webhook_url="http://127.0.0.1:9/x")
    with running_sandbox(log=log) as sandbox:
        known = {account["name"]: account["webhook_url"] for account in sandbox.control.accounts()["resend"]}
    assert known == {"sandbox": "", "shop": "http://127.0.0.1:9/x"}


def test_nothing_is_accepted_that_cannot_be_logged(tmp_path: Path) -> None:
    log = tmp_path / "accepted.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))  # inherited by the sandbox: its disk is full at 3,000 bytes
    try:
        sandbox = start_sandbox(log=log)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    try:
        body = {"messaging_product": "whatsapp", "to": "5511987654321", "type": "text", "text": {"body": "x"}}
        url = f"{sandbox.base_url('whatsapp_cloud')}/v26.0/100000000000001/messages"
        answers = [ask("POST", url, content=body, authorization="Bearer sandbox-token") for _ in range(20)]
        ids = [answer.json()["messages"][0]["id"] for answer in answers if answer.status == 200]
        assert {answer.status for answer in answers[len(ids) :]} == {500}
        assert 0 < len(ids) < 20
        assert [accepted.provider_id for accepted in read_acceptances(log)] == ids
        assert log.read_bytes().endswith(b"\n")
    finally:
        stop_sandbox(sandbox)


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with running_sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(SandboxDidNotStart, match="exit code 1"):
            start_sandbox(port=port, log=tmp_path / "log.jsonl")
    assert "address already in use" in capfd.readouterr().err
