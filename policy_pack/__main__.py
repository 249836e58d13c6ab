"""The CrossGuard pack: the engine asks it about each resource, in preview and in up."""

import sys
from pathlib import Path

# The engine starts the pack in this folder; the product's own code is one level up.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import EnforcementLevel, PolicyPack

from policy_pack.model_governance import model_governance_policies

PolicyPack(
    name="mlifecycle",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[*model_governance_policies()],
)
