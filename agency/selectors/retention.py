"""`docs/retention.md`, from the declarations."""

from django.conf import settings

from agency.kit.retention import declared_retentions

HEAD = """\
# How long records are kept

Written from the code by `make docs` (`manage.py retention --write`); each package declares its own in `apps.py`.

Every night each line below is one slot of Beat's ledger (`<package>.prune_<name>`, made up once if it was missed). The task deletes the oldest
rows in pieces, each in a transaction of its own, stops after a minute and goes on in the next message; a run that deleted something leaves one
audit entry. `manage.py retention` lists this, `manage.py retention --run NAME` does one at once. The days are settings (`.env.example`).

| name | what goes | days (default) | setting | every day at | why so long |
|---|---|---|---|---|---|
"""

TAIL = """
## What goes by itself

- Tallies: the sweep folds them into totals and deletes them every ten seconds.
- The tables that an import fills on its way: with the import's transaction, or by the next look at stalled imports.
- Log files: thirty days (`agency/settings/daily_file.py`). Answers of chords in Redis: one day (`CELERY_RESULT_EXPIRES`).

## What stays

- The audit log, and slots that were missed or failed: they are evidence.
- Contacts, consents, suppressions, messages and recipients: business records. They leave when a person is erased or a client's contract ends,
  not by age; `docs/partitioning.md` says how old recipients leave when they are too many.
"""


def retention_page() -> str:
    """The whole page, with the defaults of the settings, so that it is the same on every machine."""
    rows = []
    for each in declared_retentions():
        days = settings.KEEP_DAYS_BY_DEFAULT[each.name]
        time = each.rule.removeprefix("daily ")
        rows.append(f"| `{each.name}` | {each.what} | {days} | `{each.setting}` | {time} | {each.why} |\n")
    return HEAD + "".join(rows) + TAIL
