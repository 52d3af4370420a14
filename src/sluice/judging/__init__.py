"""Judging noisy scores: what evaluations gave, where a mean may lie, and whether it keeps a limit. Pure."""
