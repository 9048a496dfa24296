"""Errors named by what the caller must do. Doors turn them into a form error, a problem document or an exit code."""


class OperationRefused(Exception):
    """The request is understood but not allowed now. `code` is stable for programs, `text` is for people; nothing was changed."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class InvalidInput(OperationRefused):
    """The input itself is wrong; `field` names the part to mend."""

    def __init__(self, code: str, text: str, field: str = "") -> None:
        super().__init__(code, text)
        self.field = field
