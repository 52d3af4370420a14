"""The one door to Pulumi: the engine's installation and its Automation API."""
