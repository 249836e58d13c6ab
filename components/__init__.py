"""The Pulumi resources, and nothing else."""
