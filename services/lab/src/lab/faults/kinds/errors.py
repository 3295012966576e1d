"""Makes a server answer a share of the requests with HTTP 500.

Its health route finds nothing wrong.
"""

from lab.faults.predictor import Switch, share

FAULT = Switch("PUT /faults errors", rate=share(0.5, "error_rate"))
