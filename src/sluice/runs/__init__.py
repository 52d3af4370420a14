"""Runs: a flow, or an endpoint, asked for every line of a data file; and evaluations of what it answered."""
