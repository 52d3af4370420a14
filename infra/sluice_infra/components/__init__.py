"""Component resources, one a file."""
