"""Loses requests on the way there: the server reads them, and nothing comes of it."""

from lab.faults.predictor import Switch, share

FAULT = Switch("PUT /faults lost requests", rate=share(0.3, "lost_request_rate"))
