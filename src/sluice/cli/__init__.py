"""The command line: parse, call, report; one file a verb."""
