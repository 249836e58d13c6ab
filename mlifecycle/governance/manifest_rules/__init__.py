"""Rules about manifests. A new one is one `Rule` in a module here and its line in levels.yaml."""

from mlifecycle.governance.manifest_rules import data, operation, provenance, quality, regression
from mlifecycle.governance.rule import Rule
from mlifecycle.manifest.schema import Manifest

MANIFEST_RULES: tuple[Rule[Manifest], ...] = (
    *quality.RULES,
    *data.RULES,
    *provenance.RULES,
    *operation.RULES,
    *regression.RULES,
)
