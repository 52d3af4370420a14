"""Processes that outlive the command that started them: kept alive, watched, and stopped by identity."""
