"""What the scanners found in an image, and whether it may be released."""
