"""Loaded only by the senders of the row `poison`: filling the template for one person ends the process."""

import os
import signal
from collections.abc import Mapping
from typing import Any

from messaging.rules.rendering import CompiledTemplate, Rendered
from tests.faults.poison import DEADLY_NAME

_fill = CompiledTemplate.fill


def _deadly(self: CompiledTemplate, values: Mapping[str, Any]) -> Rendered:
    if values["contact"]["name"] == DEADLY_NAME:
        os.kill(os.getpid(), signal.SIGKILL)
    return _fill(self, values)


CompiledTemplate.fill = _deadly  # type: ignore[method-assign]
