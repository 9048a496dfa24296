"""The API's resources of message campaigns."""
