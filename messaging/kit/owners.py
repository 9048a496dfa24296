"""Whose a send job is: packages above register who can tell, so that pages here lead there without importing upwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobOwner:
    """What a job was opened for. `page` is the name of the admin address that shows it and controls the job, `key` its record."""

    label: str
    page: str
    key: int


FindOwners = Callable[[Sequence[int]], Mapping[int, JobOwner]]

_finders: dict[str, FindOwners] = {}


def register_owners(package: str, find: FindOwners) -> None:
    """Let `package` say which of some jobs (by id) are its own; the last one registered for a package counts. For `apps.py: ready()`."""
    _finders[package] = find


def owners_of(job_ids: Sequence[int]) -> dict[int, JobOwner]:
    """The owners of these jobs; a job of nobody's, such as a single message, is missing."""
    found: dict[int, JobOwner] = {}
    for find in _finders.values():
        found |= find(job_ids)
    return found
