"""The lab's load for Locust's own command line: `locust -f locust/locustfile.py OpenArrivals`.

What is sent comes from the environment (`make help-loadtest`), or from the load.json of
LAB_RUN_FOLDER.
"""

from lab.load.locustfile import ClosedUsers, OpenArrivals

__all__ = ["ClosedUsers", "OpenArrivals"]
