"""`manage.py new_integration`: what it writes is right code, and says by failing tests what is still missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from integrations.calling.policy import Effect
from integrations.manifest import Category
from integrations.skeleton.writing import CONFIG, Blueprint, CannotWrite, read_operations, write_service


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty checkout."""
    (tmp_path / "integrations").mkdir()
    (tmp_path / "tests" / "integrations" / "services").mkdir(parents=True)
    return tmp_path


def service(*, has_webhook: bool) -> Blueprint:
    operations = read_operations(["send_message:creates", "list_chats:reads"])
    return Blueprint("pigeon_post", "Pigeon Post", Category.MESSAGES, operations, has_webhook)


@pytest.mark.parametrize("has_webhook", [True, False])
def test_what_is_written_is_clean_code(root: Path, has_webhook: bool) -> None:
    written = write_service(root, service(has_webhook=has_webhook))
    names = {path.name for path in written if path.parent.name == "pigeon_post"}
    wanted = {"__init__.py", "manifest.py", "client.py", "health.py", "sandbox.py"}
    assert names == (wanted | {"webhook.py"} if has_webhook else wanted)
    for command in (["check"], ["format", "--check"]):
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", str(CONFIG), *map(str, written)],
            capture_output=True,
            text=True,
            cwd=root,
        )
        assert checked.returncode == 0, checked.stdout
    for path in written:
        compile(path.read_text("utf-8"), str(path), "exec")


def test_operations_are_read_with_their_effects() -> None:
    assert read_operations(["send:creates", "edit:sets"]) == {
        "send": Effect.CREATES,
        "edit": Effect.SETS,
        "health": Effect.READS,
    }
    for bad in ("send", "Send:creates", "send:writes", ":reads"):
        with pytest.raises(CannotWrite, match="name:reads, name:sets or name:creates"):
            read_operations([bad])


def test_nothing_that_exists_is_touched(root: Path) -> None:
    contract = root / "tests" / "integrations" / "services" / "pigeon_post.py"
    contract.write_text("mine", "utf-8")
    with pytest.raises(CannotWrite, match="exists"):
        write_service(root, service(has_webhook=False))
    assert contract.read_text("utf-8") == "mine"
    assert not (root / "integrations" / "pigeon_post").exists()
    contract.unlink()
    write_service(root, service(has_webhook=False))
    with pytest.raises(CannotWrite, match="exists"):
        write_service(root, service(has_webhook=False))
    with pytest.raises(CannotWrite, match="lower case"):
        write_service(root, Blueprint("../out", "Out", Category.ADS, {}, False))
