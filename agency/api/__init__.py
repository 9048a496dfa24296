"""What all of the API under `/api/v1` shares; the resources are in each package's own `api/`."""
