"""Azure Machine Learning as a target: ARM, and the traffic of endpoints there."""
