"""What Pulumi sees of Sluice."""
