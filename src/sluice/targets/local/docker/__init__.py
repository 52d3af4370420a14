"""Replicas as containers: each kept by a small runner, which is a supervised program like any other."""
