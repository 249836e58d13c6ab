"""Model files, judged by their bytes: nothing of one is loaded or run here."""
