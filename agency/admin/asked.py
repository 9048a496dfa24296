"""What a request says: who asks, and the numbers in its address."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from agency.kit.actor import Actor
from agency.models import User


def signed_in(request: HttpRequest) -> User:
    """The person behind the request. Raises `PermissionDenied` when nobody is signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as the actor of an operation."""
    user = signed_in(request)
    return Actor.person(user.pk, user.get_username())


def key_of(text: str) -> int | None:
    """A record's key as somebody wrote it; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def key_in(request: HttpRequest, name: str) -> int | None:
    """A record's key in a query parameter; None when it is missing or no key."""
    return key_of(request.GET.get(name, ""))


def numbers_in(request: HttpRequest, name: str, known: Sequence[int]) -> tuple[int, ...]:
    """The values of a query parameter that are among the known numbers, each once."""
    asked = (int(value) for value in request.GET.getlist(name) if value.isdecimal() and len(value) < 4)
    return tuple(value for value in dict.fromkeys(asked) if value in known)


def position_in(request: HttpRequest) -> tuple[int, int]:
    """Behind which row of two keys a page begins, as `page_after` wrote it; (0, 0), the beginning, for anything else."""
    first, _dot, second = request.GET.get("after", "").partition(".")
    keys = key_of(first), key_of(second) if len(second) < 5 else None
    return (0, 0) if keys[0] is None or keys[1] is None else (keys[0], keys[1])


def page_after(request: HttpRequest, position: tuple[int, int] | None) -> str:
    """The address, within the page, of the same list behind a row; its beginning for None."""
    query = request.GET.copy()
    query.pop("after", None)
    if position is not None:
        query["after"] = ".".join(map(str, position))
    return f"?{query.urlencode()}"
