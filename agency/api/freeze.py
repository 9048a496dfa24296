"""The switch that stops every outside effect, for programs that watch over spending and reputation."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from agency.api.access import actor_of_token, caller, token
from agency.api.idempotency import idempotent
from agency.api.problems import ApiProblem
from agency.operations.freeze import freeze_sending, lift_freeze
from agency.rules.roles import FREEZE
from agency.selectors.access import sees_everything
from agency.selectors.freeze import current_freeze

router = Router()
switch = token("freeze:switch", FREEZE)
Why = Annotated[str, Field(max_length=300, pattern="^[^\\x00]*$")]


class FreezeIn(Schema):
    """The reason, which everybody reads on every page."""

    why: Annotated[Why, Field(min_length=1)]


class LiftIn(Schema):
    """Why it may go on, for the record."""

    why: Why = ""


class FreezeOut(Schema):
    """Whether everything stands still; the rest is empty while nothing does."""

    frozen: bool
    since: datetime | None
    by: str
    why: str


def _present() -> FreezeOut:
    freeze = current_freeze()
    if freeze is None:
        return FreezeOut(frozen=False, since=None, by="", why="")
    return FreezeOut(frozen=True, since=freeze.began_at, by=freeze.began_by, why=freeze.why)


def _for_everybody(request: HttpRequest) -> None:
    """A token that is limited to some clients decides nothing about the others."""
    if not sees_everything(caller(request)):
        raise ApiProblem(403, "permission_missing", "Only a token for every client may do this.")


@router.get("/freeze", response=FreezeOut, auth=switch, summary="Read whether all sending is frozen")
def read_freeze(request: HttpRequest) -> FreezeOut:
    """Since when, by whom and why."""
    _for_everybody(request)
    return _present()


@router.post("/freeze", response={200: FreezeOut}, auth=switch, summary="Freeze all sending")
@idempotent
def freeze(request: HttpRequest, body: FreezeIn) -> tuple[int, Schema]:
    """No message of any client is handed to a provider later than five seconds after the answer. What is due waits."""
    _for_everybody(request)
    freeze_sending(actor=actor_of_token(request), why=body.why)
    return 200, _present()


@router.post("/freeze/lift", response={200: FreezeOut}, auth=switch, summary="Let sending go on")
@idempotent
def lift(request: HttpRequest, body: LiftIn) -> tuple[int, Schema]:
    """Everything goes on where it stood. Lifting nothing changes nothing."""
    _for_everybody(request)
    lift_freeze(actor=actor_of_token(request), why=body.why)
    return 200, _present()
