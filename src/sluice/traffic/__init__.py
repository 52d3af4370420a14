"""Weight arithmetic and the Router protocol."""
