"""After the rollout: whether what runs is what was released."""
