"""The resource provider plugin `sluice`."""
