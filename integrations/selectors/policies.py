"""How services may be called: their manifests, as changed by a person."""

from integrations.calling.policy import CallPolicy
from integrations.registry import manifest_of


def policy_of(service: str) -> CallPolicy:
    """The policy in force for a service. Raises `NotConfigured` for an unknown one."""
    return manifest_of(service).policy
