"""The same cases against the real services. Not in `make test`: run by hand, with keys (docs/development.md)."""
