"""The one error of the private servers."""


class ServersUnavailable(Exception):
    """A private server cannot run here. The text is one or two sentences for a person: what is wrong and what to do."""
