"""Rules that no schema can say: across keys of a file, across files, and about files on disk."""
