"""Compose file, Procfile, systemd units, image and monitoring: valid, complete, and the same processes everywhere."""

import ast
import json
import os
import re
import shlex
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from jsonschema import Draft202012Validator

from agency.embedded.postgres import CLUSTER_OPTIONS, MAX_CONNECTIONS
from agency.kit.metrics import COUNTERS
from agency.processes import beat_command, web_command, worker_command
from agency.settings import example

ROOT = Path(settings.BASE_DIR)
SCHEMA = ROOT / "tests" / "payloads" / "compose" / "compose-spec.json"
POOL = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
PROCESSES = ("web", "worker", "sender", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def option(command: str, name: str) -> str:
    words = shlex.split(command)
    return words[words.index(name) + 1]


def test_compose_follows_its_schema(compose: dict[str, Any]) -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(compose)] == []
    broken = compose | {"services": {"web": {"image": "x", "comand": "y"}}}
    assert len(list(validator.iter_errors(broken))) == 1, "the schema is the one that refuses unknown keys"


def test_compose_runs_the_processes_of_the_procfile(compose: dict[str, Any], procfile: dict[str, str]) -> None:
    services = compose["services"]
    assert set(procfile) == {"release", *PROCESSES}
    assert {name: services[name]["command"] for name in PROCESSES} == {name: procfile[name] for name in PROCESSES}
    assert services["migrate"]["command"] == procfile["release"]
    steps = shlex.split(procfile["release"])[2].split(" && ")
    unit = (ROOT / "deploy" / "systemd" / "batuta-migrate.service").read_text()
    assert re.findall(r"^ExecStart=/srv/batuta/.venv/bin/(.+)$", unit, re.MULTILINE) == steps
    assert steps == ["python manage.py migrate --noinput", "python manage.py sync_schedules"]
    assert services["beat"]["deploy"]["replicas"] == 2
    assert "profiles" not in {key for name in PROCESSES for key in services[name]}
    profiles = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert profiles == {
        "sandbox": ["sandbox"],
        "evolution": ["whatsapp"],
        "evolution-settings": ["whatsapp"],
        "storage": ["storage"],
        "storage-settings": ["storage"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
        "grafana-settings": ["monitoring"],
    }


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        ("evolution", ["EVOLUTION_API_KEY"]),
        ("storage", ["STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY"]),
        ("grafana", ["GRAFANA_PASSWORD"]),
    ],
)
def test_a_profile_does_not_start_without_its_secrets(
    service: str, variables: list[str], compose: dict[str, Any]
) -> None:
    """The script of the compose file in a real shell: what waits for it starts only where it ends with 0."""
    check = compose["services"][f"{service}-settings"]
    assert check["profiles"] == compose["services"][service]["profiles"]
    condition = {"condition": "service_completed_successfully"}
    assert compose["services"][service]["depends_on"][f"{service}-settings"] == condition
    assert [check["environment"][name] for name in variables] == [f"${{{name}:-}}" for name in variables]
    shell = [*check["entrypoint"], *(word.replace("$$", "$") for word in check["command"])]
    own = {name: check["environment"][name] for name in ("PROFILE", "REQUIRED")} | {"PATH": os.defpath}

    def look(**given: str) -> tuple[int, str]:
        done = subprocess.run(shell, env=own | given, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr

    assert look(**dict.fromkeys(variables, "x")) == (0, "")
    for missing in variables:
        said = f"{missing} is required in .env for the profile {check['profiles'][0]}.\n"
        assert look(**dict.fromkeys(variables, "x") | {missing: ""}) == (1, said)


def test_every_compose_service_is_limited_watched_and_restarted(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        once = name == "migrate" or name.endswith("-settings")
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert service["restart"] == ("no" if once else "unless-stopped"), name
        assert ("healthcheck" in service) is not once, name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in compose["volumes"], volume
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "nothing is reachable from outside but through a proxy"


def test_postgres_is_initialised_and_sized_like_ours(compose: dict[str, Any], procfile: dict[str, str]) -> None:
    postgres = compose["services"]["postgres"]
    assert tuple(postgres["environment"]["POSTGRES_INITDB_ARGS"].split()) == CLUSTER_OPTIONS
    limit = int(re.search(r"max_connections=(\d+)", postgres["command"])[1])  # type: ignore[index]
    # A worker is its children and the parent; each process keeps at most one pool. Room is left for one deployment in
    # which old and new run together, and for a person with psql.
    workers = sum(int(option(procfile[name], "--concurrency")) + 1 for name in ("worker", "sender"))
    processes = workers + 1 + compose["services"]["beat"]["deploy"]["replicas"]
    assert 2 * processes * POOL + 10 <= limit
    assert limit <= MAX_CONNECTIONS


def test_every_queue_has_one_reader(procfile: dict[str, str]) -> None:
    read = [queue for name in ("worker", "sender") for queue in option(procfile[name], "--queues").split(",")]
    assert sorted(read) == sorted(settings.QUEUES)


def test_local_processes_are_started_like_those_of_production(procfile: dict[str, str]) -> None:
    def local(command: tuple[str, ...]) -> list[str]:
        return list(command[2:])  # without "python -m"

    web = procfile["web"].replace("0.0.0.0", "127.0.0.1")
    assert local(web_command(8000)) == shlex.split(web)
    sender = worker_command("sender", ("send",), 2)
    assert local(sender) == shlex.split(procfile["sender"])
    assert [word for word in local(beat_command()) if word] == shlex.split(procfile["beat"].replace("=", " "))


@pytest.mark.parametrize("name", PROCESSES)
def test_systemd_units(name: str, procfile: dict[str, str]) -> None:
    unit = ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    file = "batuta-beat@.service" if name == "beat" else f"batuta-{name}.service"
    unit.read(ROOT / "deploy" / "systemd" / file)
    service = unit["Service"]
    expected = procfile[name].replace("0.0.0.0", "127.0.0.1").replace("%h", "%%h")
    assert service["ExecStart"] == f"/srv/batuta/.venv/bin/{expected}"
    assert (service["Restart"], service["User"]) == ("on-failure", "batuta")
    # A path that is missing would end it with 226/NAMESPACE: systemd makes the one, the unit that all of them require the other.
    assert (service["ReadWritePaths"], service["LogsDirectory"]) == ("/srv/batuta/media", "batuta")
    assert unit["Unit"]["Requires"] == "batuta-migrate.service"
    assert "batuta-migrate.service" in unit["Unit"]["After"]
    migrate = (ROOT / "deploy" / "systemd" / "batuta-migrate.service").read_text()
    assert "ExecStartPre=+/usr/bin/install -d -o batuta -g batuta -m 0750 /srv/batuta/media\n" in migrate
    assert int(service["TimeoutStopSec"]) > settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT
    target = (ROOT / "deploy" / "systemd" / "batuta.target").read_text()
    assert file.replace("@.", "@1.") in target
    assert file.replace("@.", "@2.") in target


def test_image_runs_the_web_process_with_pinned_tools(procfile: dict[str, str]) -> None:
    image = (ROOT / "Dockerfile").read_text()
    command = image.rsplit("CMD ", 1)[1]
    assert ast.literal_eval(command) == shlex.split(procfile["web"])
    pinned = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"uv=={pinned[1]}" in image
    assert "--require-hashes -r requirements.txt" in image


def test_env_example_is_fresh_and_holds_what_compose_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main(example.PATH, ["--check"]) == 0
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^#?([A-Z_]+)=", example.example_text(), re.MULTILINE))
    assert asked - offered == set()
    stale = tmp_path / ".env.example"
    stale.write_text("OLD=1\n")
    assert example.main(stale, ["--check"]) == 1
    assert capsys.readouterr().err == ".env.example is not fresh: run `make docs`\n"
    assert (example.main(stale, []), example.main(stale, ["--check"])) == (0, 0)


def test_monitoring_asks_for_numbers_that_exist() -> None:
    samples = {
        name
        for path in (ROOT / "agency/selectors/health.py", ROOT / "automations/selectors/health.py")
        for name in re.findall(r'Sample\(\s*"([a-z_]+)"', path.read_text())
    }
    known = {f"batuta_{name}" for name in samples} | {f"batuta_{name}_total" for name in COUNTERS}
    dashboard = json.loads((ROOT / "deploy/monitoring/grafana/dashboards/batuta.json").read_text())
    alerts = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    asked = {name for expression in expressions for name in re.findall(r"batuta_[a-z_]+", expression)}
    assert asked - known == set()
    assert {f"batuta_{name}_total" for name in COUNTERS} <= asked, "each counter has a panel"
    scrape = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())["scrape_configs"][0]
    assert (scrape["metrics_path"], scrape["static_configs"]) == ("/metrics", [{"targets": ["web:8000"]}])
