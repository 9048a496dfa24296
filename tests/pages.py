"""Reading pages as a person does."""

import html
import re
from typing import Any


def text(answer: Any) -> str:
    """What a reader sees of a page that opened: no scripts, styles or tags, and one blank between words."""
    assert answer.status_code == 200, answer.status_code
    plain = re.sub(r"<(script|style|title)\b.*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(plain))
