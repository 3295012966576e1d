"""The load: what is sent and when, the generator that sends it, the checks before a run."""
