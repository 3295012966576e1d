"""Loses replies: the server does the work, and nobody hears of it. A retry does it twice."""

from lab.faults.predictor import Switch, share

FAULT = Switch("PUT /faults lost replies", rate=share(0.3, "lost_reply_rate"))
