"""The rows of the table, by what they break; importing this fills the table in the order of the lines below."""

from tests.faults.rows import processes, stores, clock, beats, provider, mix, messages, twice, doors, people  # noqa: F401, I001 -- the order is the table's
