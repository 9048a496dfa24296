"""Whose turn it is: by priority, then to the client that was served least, with a floor for low priorities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FLOOR_EVERY = 10  # one turn in so many goes to the lowest waiting priority, so that it never starves


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job with due recipients. `priority` 10 is most urgent."""

    job_id: int
    client_id: int
    priority: int


def next_job(waiting: Sequence[Waiting], served: Mapping[int, int], turn: int) -> Waiting:
    """The job to serve at this turn. `served` counts the recipients given to each client lately; the order of `waiting` breaks ties."""
    wanted = (min if turn % FLOOR_EVERY == FLOOR_EVERY - 1 else max)(job.priority for job in waiting)
    urgent = [job for job in waiting if job.priority == wanted]
    return min(urgent, key=lambda job: served.get(job.client_id, 0))


def forgotten(served: Mapping[int, int], clients: set[int]) -> dict[int, int]:
    """The service counts of the clients that wait now, lowered so that the least is 0: who comes back has no claim on the past."""
    present = {client: served[client] for client in clients if client in served}
    lowest = min(present.values(), default=0)
    # A newcomer starts level with the least served one, neither owed the past nor punished for it.
    return {client: present.get(client, lowest) - lowest for client in clients}
