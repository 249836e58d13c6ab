"""`mlifecycle validate` beside conftest: the same manifests, the same rules, one call each.

conftest is what a team without this product would judge YAML files with; its policy is in `policy/`
and takes thresholds and lists from the owner's own files. Before anything is measured, both judge
every manifest, and the sets of refused ones, and each one's rules, must be equal.

    python -m benchmarks.validate
"""
