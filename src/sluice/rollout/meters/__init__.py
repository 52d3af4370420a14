"""What turns what happened into readings: the gateway's log and counters, and sources outside."""
