"""Starts a sandbox as a child process, for tests, the demo, `make up` and the fault suite."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .control import SandboxControl

START_SECONDS = 30.0
STOP_SECONDS = 5.0
ROOT = Path(__file__).resolve().parents[2]
_READY = re.compile(r"sandbox ready (?P<url>http://\S+)(?: smtp://(?P<smtp>\S+))? log=(?P<log>.+)")


class SandboxDidNotStart(RuntimeError):
    """The sandbox ended, or said nothing, instead of starting; the text holds what it wrote."""


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that answers."""

    url: str
    smtp_host: str
    smtp_port: int
    log: Path
    control: SandboxControl
    process: subprocess.Popen[str]

    def base_url(self, service: str) -> str:
        """Where one imitated service begins, such as `http://127.0.0.1:40123/twilio`."""
        return self.control.base_url(service)


def start_sandbox(
    *,
    port: int = 0,
    smtp_port: int = 0,
    seed: str = "batuta",
    time_scale: float = 60.0,
    log: Path | None = None,
    webhooks_to: str = "",
    shares: Mapping[str, float] | None = None,
    real_limits: bool = False,
) -> RunningSandbox:
    """Start one and wait until it answers. Raises SandboxDidNotStart. The caller stops it with `stop_sandbox`."""
    if log is None:
        log = Path(tempfile.mkdtemp(prefix="batuta-sandbox-")) / "acceptances.jsonl"
    command = [sys.executable, "-m", "integrations.sandbox", "--port", str(port), "--smtp-port", str(smtp_port)]
    command += ["--seed", seed, "--time-scale", str(time_scale), "--log", str(log)]
    command += ["--webhooks-to", webhooks_to, "--shares", json.dumps(dict(shares or {}))]
    if real_limits:
        command.append("--real-limits")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(os.environ, PYTHONUNBUFFERED="1"),
    )
    line = _first_line(process)
    found = _READY.match(line)
    if found is None:
        process.kill()
        process.wait()
        _close(process)
        raise SandboxDidNotStart(f"the sandbox did not start: {line or f'exit code {process.returncode}'}")
    smtp_host, _, smtp_text = (found["smtp"] or "127.0.0.1:0").rpartition(":")
    return RunningSandbox(
        url=found["url"],
        smtp_host=smtp_host,
        smtp_port=int(smtp_text),
        log=Path(found["log"].strip()),
        control=SandboxControl(found["url"]),
        process=process,
    )


def stop_sandbox(sandbox: RunningSandbox) -> None:
    """End it, gently first; its log stays."""
    process = sandbox.process
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process)


@contextlib.contextmanager
def running_sandbox(
    *,
    port: int = 0,
    smtp_port: int = 0,
    seed: str = "batuta",
    time_scale: float = 60.0,
    log: Path | None = None,
    webhooks_to: str = "",
    shares: Mapping[str, float] | None = None,
    real_limits: bool = False,
) -> Iterator[RunningSandbox]:
    """A sandbox for the length of a block; see `start_sandbox`. Without `log` its log ends with it."""
    with tempfile.TemporaryDirectory(prefix="batuta-sandbox-") as directory:
        sandbox = start_sandbox(
            port=port,
            smtp_port=smtp_port,
            seed=seed,
            time_scale=time_scale,
            log=log or Path(directory) / "acceptances.jsonl",
            webhooks_to=webhooks_to,
            shares=shares,
            real_limits=real_limits,
        )
        try:
            yield sandbox
        finally:
            stop_sandbox(sandbox)


def _close(process: subprocess.Popen[str]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    """The first line the child prints, or nothing when it ends or the time is over."""
    if process.stdout is None:
        return ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(START_SECONDS) else ""
