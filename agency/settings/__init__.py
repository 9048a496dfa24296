"""Settings per surrounding: `local` (a person's machine), `test`, `production`; all read the environment through `environment.py`."""
