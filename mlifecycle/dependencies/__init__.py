"""What a manifest's dependencies name, and the exact versions that they are locked to."""
