"""Specifications to a resource graph, as data: no Pulumi, no I/O."""
