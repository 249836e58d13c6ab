"""Rules about the Kubernetes objects that are really deployed, whoever made them."""
