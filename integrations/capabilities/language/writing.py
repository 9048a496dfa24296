"""Having a task done by a language model, and texts turned into vectors, by whoever can.

    written = write("report_commentary", facts, client_id=client.pk, key="P10:client:42:2026-10")
    written.content.summary, written.model

When no service was able to, the request waits for a person and `WaitsForPerson` says so; asking again under the same key tries again, or
returns what came of it meanwhile. A completion has no effect outside, so one that timed out may be asked of the next service: at worst
both are paid for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from integrations.calling.ledger import present_purpose
from integrations.capabilities.chain import ChainExhausted, Hop, run_chain
from integrations.capabilities.language.model import (
    Completion,
    EmbeddingModel,
    Embeddings,
    LanguageModel,
    Question,
    Shape,
)
from integrations.capabilities.language.tasks import Task, tasks
from integrations.errors import IntegrationError, NotConfigured
from integrations.operations.model_requests import answer_model_request, hold_model_request
from integrations.registry import build_client
from integrations.selectors.model_requests import answered_request


@dataclass(frozen=True, slots=True)
class Written:
    """A task done: its answer, by which service and model, under which version of its prompt."""

    content: Shape
    task: str
    version: int
    service: str
    model: str


class WaitsForPerson(IntegrationError):
    """No service was able to; the request stands in the list of model requests under `request_id`."""

    def __init__(self, request_id: int, cause: IntegrationError) -> None:
        self.request_id = request_id
        super().__init__("language", "write", cause.code or type(cause).__name__, cause.text)


def write(task: str, facts: Mapping[str, Any], *, client_id: int | None = None, key: str = "") -> Written:
    """Have a task done. `facts` are exactly those it declares; `key` names the occasion, so that it is done once.

    Raises `WaitsForPerson`, KeyError for an unknown task, ValueError for facts it does not declare.
    """
    wanted = tasks()[task]
    question = wanted.question(facts)
    known = answered_request(key) if key else None
    if known is not None:
        content = wanted.shape.model_validate(known.answer)
        return Written(content, task, known.version, known.service, known.model)
    try:
        written = ask(wanted, question, client_id=client_id)
    except (ChainExhausted, NotConfigured) as error:
        held = hold_model_request(
            task=task,
            version=wanted.version,
            facts=dict(facts),
            client_id=client_id,
            key=key,
            purpose=present_purpose(),
            error=str(error),
        )
        raise WaitsForPerson(held.pk, error) from error
    if key:
        answer_model_request(
            key=key,
            task=task,
            version=written.version,
            client_id=client_id,
            answer=written.content.model_dump(mode="json"),
            service=written.service,
            model=written.model,
            purpose=present_purpose(),
        )
    return written


def ask(task: Task, question: Question, *, client_id: int | None) -> Written:
    """Ask one service after the other. Raises `ChainExhausted` or `NotConfigured`."""

    def complete(hop: Hop) -> Completion:
        model = build_client(hop.connection, capability="language")
        try:
            return cast(LanguageModel, model).complete(question)
        finally:
            _close(model)

    done = run_chain(task.chain, complete, client_id=client_id)
    content = done.answer.content
    if content is None:
        raise TypeError(f"{task.name} was answered without its shape")
    return Written(content, task.name, task.version, done.hop.connection.service, done.answer.model)


def embed(texts: Sequence[str], *, client_id: int | None = None) -> Embeddings:
    """One vector for each text, all by one model, which the result names: never compare vectors of two models.

    Raises `ChainExhausted` or `NotConfigured`; search by meaning is left out then.
    """

    def vectors(hop: Hop) -> Embeddings:
        model = build_client(hop.connection, capability="embeddings")
        try:
            return cast(EmbeddingModel, model).embed(texts)
        finally:
            _close(model)

    return run_chain("embeddings", vectors, client_id=client_id).answer


def _close(client: object) -> None:
    close = getattr(client, "close", None)
    if close is not None:
        close()
