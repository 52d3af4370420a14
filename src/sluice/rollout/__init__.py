"""Rollouts: the walk of traffic from one deployment to another, in steps, judged all the way."""
