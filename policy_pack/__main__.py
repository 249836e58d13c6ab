"""The CrossGuard pack: the engine asks it about each resource, in preview and in up."""

import sys
from pathlib import Path

# The engine starts the pack in this folder; the product's own code is one level up.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import EnforcementLevel, Policy, PolicyPack

from mlifecycle.governance.context import ContextError
from mlifecycle.governance.owners_file import OwnersFileError
from policy_pack.kubernetes_objects import kubernetes_object_policies
from policy_pack.model_governance import model_governance_policies

try:
    policies: list[Policy] = [*model_governance_policies(), *kubernetes_object_policies()]
except (OwnersFileError, ContextError) as error:
    # A pack that could judge nothing must not start; the engine then stops the run.
    sys.exit(f"error: {error}")
PolicyPack(name="mlifecycle", enforcement_level=EnforcementLevel.MANDATORY, policies=policies)
