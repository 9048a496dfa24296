"""What every scenario stands on: one running platform with its sandbox, programs that use its API, and clients made on it."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import redis
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from kombu import Connection as Broker

from agency.kit.actor import Actor
from agency.models import Client
from agency.operations.tokens import issue_token
from agency.processes import ProcessGroup, beat_command, free_port, process_group, web_command, worker_command
from agency.settings.servers import with_redis_database
from agency.states import Role
from campaigns.outreach.demo.platform import WORKER_QUEUES, wait_until_ready
from campaigns.outreach.models import Execution
from integrations.models import Connection, InboundEvent
from integrations.operations.connections import create_connection
from integrations.sandbox.log import Acceptance
from integrations.sandbox.runner import RunningSandbox, running_sandbox
from messaging.ledger import compare_ledger
from messaging.models import Sender, Template, TemplateVersion
from messaging.states import ChannelKind, TemplateState
from tests.committed import Live
from tests.integrations.sandbox.asking import Answer, ask
from tests.worlds import make_person

ACTOR = Actor.system("scenarios")
ALL_SCOPES = ("contacts:read", "imports:write", "imports:read", "campaigns:write", "campaigns:read", "campaigns:run")
TIME_SCALE = 1000.0  # people who answer after minutes do so within seconds
_numbers = itertools.count(1)


def wait_for(what: str, seconds: float, reached: Callable[[], bool]) -> float:
    """Wait until a state is reached; returns how long it took in seconds."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
    return time.monotonic() - began


@dataclass(frozen=True)
class Stage:
    """The running platform."""

    url: str
    sandbox: RunningSandbox
    group: ProcessGroup

    def house(self, name: str, **fields: Any) -> "House":
        """A client of its own, on its own clock."""
        place = next(_numbers)
        client = Client.objects.create(name=f"{name} {place}", slug=f"{name.lower()}-{place}", **fields)
        return House(self, client, place)

    def quiet(self) -> None:
        """Wait until the sandbox has delivered every webhook, and all of them were acted on."""
        self.sandbox.control.wait_until_quiet(30)
        wait_for("webhooks applied", 30, lambda: not InboundEvent.objects.filter(state=0).exists())


@dataclass
class House:
    """One client and what it owns at the sandbox."""

    stage: Stage
    client: Client
    place: int
    senders: list[Sender] = field(default_factory=list)

    def program(self, *scopes: str) -> "Program":
        """A program with a token of this client's account manager, limited to the client and these scopes."""
        user = make_person(f"manager-{self.place}-{next(_numbers)}", Role.ACCOUNT_MANAGER, self.client)
        _token, secret = issue_token(
            actor=ACTOR,
            user=user,
            name="scenario",
            scopes=scopes or ALL_SCOPES,
            clients=[self.client],
            expires_at=timezone.now() + timedelta(hours=1),
        )
        return Program(f"{self.stage.url}/api/v1", secret)

    def whatsapp(self, *, per_second: int | None = None, numbers: int = 2) -> None:
        """An account with numbers of its own at the sandbox."""
        sandbox = self.stage.sandbox
        account = f"3{self.place:014}"
        connection = self._connection(
            "whatsapp_cloud",
            {"base_url": sandbox.base_url("whatsapp_cloud"), "business_account_id": account},
            {"access_token": "sandbox-token", "app_secret": f"secret-{self.place}", "verify_token": "verify"},
        )
        for number in range(numbers):
            address = f"3{self.place:010}{number:04}"
            sandbox.control.open_account(
                "whatsapp_cloud",
                phone_number_id=address,
                waba_id=account,
                token="sandbox-token",
                app_secret=f"secret-{self.place}",
                webhook_url=f"{self.stage.url}/webhooks/whatsapp_cloud/{connection.key}",
            )
            self._sender(connection, ChannelKind.WHATSAPP, address, per_second)

    def mailbox(self) -> None:
        """A mailbox at the sandbox's SMTP server."""
        sandbox = self.stage.sandbox
        connection = self._connection(
            "smtp",
            {
                "host": sandbox.smtp_host,
                "port": str(sandbox.smtp_port),
                "security": "none",
                "username": "sandbox",
            },
            {"password": "sandbox-password"},
        )
        self._sender(connection, ChannelKind.EMAIL, f"Loja <oi@loja{self.place}.example>", None)

    def _connection(self, service: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> Connection:
        return create_connection(
            actor=ACTOR, service=service, name="Sandbox", client=self.client, settings=values, secrets=secrets
        )

    def _sender(self, connection: Connection, channel: ChannelKind, address: str, per_second: int | None) -> None:
        self.senders.append(
            Sender.objects.create(
                client=self.client,
                connection=connection,
                channel=channel,
                name=f"Sender {len(self.senders) + 1}",
                address=address,
                per_second=per_second,
                pair_seconds=0,
            )
        )

    def template(self, channel: ChannelKind, **version: Any) -> int:
        """An approved template; returns its id."""
        template = Template.objects.create(
            client=self.client, name="novidade", channel=channel, language="pt_BR", state=TemplateState.APPROVED
        )
        template.current = TemplateVersion.objects.create(template=template, number=1, **version)
        template.save(update_fields=["current"])
        return template.pk

    def accepted(self) -> list[Acceptance]:
        """What the sandbox has accepted from this client's senders."""
        ours = {sender.address.rpartition("<")[2].rstrip(">") for sender in self.senders}
        return [each for each in self.stage.sandbox.control.acceptances() if each.sender in ours]

    def ledger_agrees(self) -> bool:
        """Whether our rows and the sandbox's log tell the same of every message of this client."""
        jobs = list(Execution.objects.filter(campaign__client=self.client).values_list("job_id", flat=True))
        report = compare_ledger(jobs, self.accepted())
        return report.agree and report.open_rows == 0 and report.unknown == 0


@dataclass(frozen=True)
class Program:
    """Somebody's program, which knows the API's address and a token."""

    url: str
    secret: str

    def send(self, method: str, path: str, content: Any = None) -> Answer:
        """One request with a key of its own."""
        return ask(
            method,
            f"{self.url}{path}",
            content={} if content is None and method != "GET" else content,
            timeout=30,
            authorization=f"Bearer {self.secret}",
            idempotency_key=f"key-{next(_numbers)}",
        )

    def do(self, method: str, path: str, content: Any = None) -> Any:
        """The same, and it must succeed; returns the answer's JSON."""
        answer = self.send(method, path, content)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body.decode('utf-8', 'replace')[:500]}"
        return answer.json()

    def upload(self, path: str, file_name: str, text: str, **fields: str) -> Any:
        """A file with fields, as a browser's form or curl sends them."""
        edge = "scenario-edge"
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
            f"Content-Type: text/csv\r\n\r\n{text}\r\n--{edge}--\r\n"
        )
        answer = ask(
            "POST",
            f"{self.url}{path}",
            body="".join(parts).encode(),
            authorization=f"Bearer {self.secret}",
            idempotency_key=f"key-{next(_numbers)}",
            headers={"content-type": f"multipart/form-data; boundary={edge}"},
        )
        assert answer.status == 202, answer.body
        return answer.json()

    def report(self, campaign: int) -> dict[str, Any]:
        """The campaign's numbers."""
        found: dict[str, Any] = self.do("GET", f"/campaigns/{campaign}/report")
        return found

    def state(self, campaign: int) -> str:
        """The campaign's state."""
        return str(self.do("GET", f"/campaigns/{campaign}")["state"])


@contextmanager
def running_stage(live: Live, logs: Path) -> Iterator[Stage]:
    """Web, worker, sender, Beat and the sandbox, on the database and broker of `live`; ended with the block."""
    environment = {
        **live.environment,
        "CACHE_URL": with_redis_database(live.redis_url, 8),
        "LIMITER_URL": with_redis_database(live.redis_url, 9),
    }
    for name in ("CACHE_URL", "LIMITER_URL"):
        with redis.Redis.from_url(environment[name]) as client:
            client.flushdb()
    call_command("sync_schedules", stdout=StringIO())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        running_sandbox(time_scale=TIME_SCALE, webhooks_to=url, log=logs / "sandbox.jsonl") as sandbox,
        process_group(logs / "processes", {**environment, "SANDBOX_URL": sandbox.url}) as group,
    ):
        group.start("web", web_command(port))
        group.start("worker", worker_command("worker", WORKER_QUEUES, 2))
        group.start("sender", worker_command("sender", ("send",), 1))
        group.start("beat", beat_command())
        call_canaries(live.redis_url)
        wait_until_ready(group, url)
        yield Stage(url, sandbox, group)


def call_canaries(redis_url: str) -> None:
    """Send a canary to every queue now, so that readiness does not wait for Beat's next ones."""
    with Broker(redis_url) as broker:
        for queue in settings.QUEUES:
            current_app.send_task("agency.canary", queue=queue, connection=broker)


def outcomes(people: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """The sandbox's fates from `{last step: addresses}`; `replied:words` and `failed:code` say more."""
    fates: dict[str, dict[str, str]] = {}
    for fate, addresses in people.items():
        last, _, more = fate.partition(":")
        for address in addresses:
            fates[address] = {
                "last": last,
                "code": more if last == "failed" else "",
                "words": more if last == "replied" else "",
            }
    return fates


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a spreadsheet in Brazil saves them: semicolons."""
    return "\r\n".join(";".join(row) for row in rows) + "\r\n"
