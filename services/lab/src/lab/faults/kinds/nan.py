"""Makes the model of a server say NaN, which the server notices and answers with HTTP 500."""

from lab.faults.predictor import Switch, share

FAULT = Switch("PUT /faults NaN", rate=share(1, "nan_rate"))
