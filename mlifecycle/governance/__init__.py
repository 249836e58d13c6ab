"""Whether a model may be deployed: rules over its manifest, the same wherever they are asked."""
