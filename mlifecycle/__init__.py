"""From a model manifest in Git to a verified, governed service: the parts that need no engine."""
