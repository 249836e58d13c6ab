"""The image of a model: its names, its build context, and the build into an OCI layout."""
