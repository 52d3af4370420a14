"""Specifications: load with line marks, check, freeze."""
