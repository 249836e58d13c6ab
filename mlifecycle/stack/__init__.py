"""The stack: its settings, and driving the engine."""
