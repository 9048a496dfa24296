"""Cases that read, or leave nothing behind, against the real service: `make live`, with its settings in the environment.

A service whose variables are not set is not tested, and the summary names it.
"""

import pytest
from django.test import override_settings

from integrations.environment import environment_values, is_given, variables
from integrations.facts import ConnectionFacts
from integrations.registry import manifest_of
from tests.integrations.services.cases import Case, Contract, outcome
from tests.integrations.services.contracts import each_live_case

pytestmark = [pytest.mark.live, pytest.mark.django_db]


def real_facts(slug: str) -> ConnectionFacts:
    """The connection that the environment describes, or the test is left out with the names it needs."""
    manifest = manifest_of(slug)
    if not is_given(manifest):
        pytest.skip(f"{slug}: set {', '.join(name for name, item in variables(manifest) if item.required)}")
    plain, secrets = environment_values(manifest)
    defaults = {item.name: item.default for item in manifest.settings if item.default and not item.secret}
    return ConnectionFacts(id=0, service=slug, key="live", settings={**defaults, **plain}, secrets=secrets)


@pytest.mark.parametrize(("contract", "case"), each_live_case())
def test_the_real_service_does_what_the_sandbox_does(contract: Contract, case: Case) -> None:
    """What comes back differs from the sandbox's; that it can be read at all is what is tested."""
    with override_settings(SANDBOX_URL=""):
        outcome(real_facts(contract.slug), case)
