"""The door of an endpoint on this machine: one Envoy, its configuration, and what it is told while it runs."""
