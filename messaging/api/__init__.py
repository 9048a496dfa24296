"""The API's resources of messaging."""
