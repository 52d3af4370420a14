"""What a launcher does: the standard library alone, imported by path, so that it starts fast and stays small."""
