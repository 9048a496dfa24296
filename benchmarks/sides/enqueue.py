"""`python -m benchmarks.sides.enqueue celery|dramatiq|procrastinate NUMBER`: one message a recipient, by each library's own means."""

import importlib
import sys


def main(kind: str, number: int) -> None:
    """Enqueue the first `number` rows."""
    side = importlib.import_module(f"benchmarks.sides.{kind}_app")
    if kind == "celery":
        for message_id in range(1, number + 1):
            side.send_message.delay(message_id)
    elif kind == "dramatiq":
        for message_id in range(1, number + 1):
            side.send_message.send(message_id)
    else:
        with side.app.open():
            side.send_message.batch_defer(*({"message_id": message_id} for message_id in range(1, number + 1)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
