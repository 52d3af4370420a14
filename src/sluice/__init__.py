"""Sluice: releases ML and LLM endpoints from Azure-ML-style YAML."""
