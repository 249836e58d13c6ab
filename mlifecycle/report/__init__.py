"""What the reader sees of a release."""
