"""One file per service with its cases; the suites beside them run over all services alike."""
