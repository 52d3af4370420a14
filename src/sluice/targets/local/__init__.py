"""This machine as a target: Envoy, a supervisor, real model servers."""
