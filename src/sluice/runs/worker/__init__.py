"""What the Python of a flow's own environment runs: it has prompt flow, and no Sluice."""
