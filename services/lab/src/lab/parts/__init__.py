"""The parts of the running system that the lab talks to: the controller, Docker, HAProxy, the machine."""
