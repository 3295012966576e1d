"""The parts of the running system that the lab talks to.

The controller, Docker, HAProxy, the machine.
"""
