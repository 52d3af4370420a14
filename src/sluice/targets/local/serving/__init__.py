"""Which real server runs a deployment here, with which packages, and how it is started."""
