"""Reading manifests: YAML with line numbers, checked against the schema."""
