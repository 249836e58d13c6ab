"""What was released in a stack, by whom and why: records that are only ever added to."""
