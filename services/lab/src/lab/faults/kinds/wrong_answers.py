"""Makes a server answer wrong with status 200: p becomes 1 - p.

The golden inputs go the same way.
"""

from lab.faults.predictor import Switch, share

FAULT = Switch("PUT /faults wrong answers", rate=share(1, "wrong_rate"))
