"""What can go wrong in the predictor, as a tree.

PredictorError
├── ModelError        the model file cannot be used; the process ends
├── BadAnswerError    the model ran and gave something that is no probability; the request gets 500
├── InvalidRequestError   the client's request is wrong; it gets 422 with the details
├── OverloadedError   the predictor is at its limit; the request gets 429 and Retry-After
├── BodyTooLargeError     the client's body is over the limit; it gets 413
├── RequestLostError  told to treat the request as lost on its way here (PUT /faults); nobody gets a reply
└── ClientGoneError   the client closed its connection before its answer was computed; nobody gets a reply
"""

from dataclasses import dataclass


class PredictorError(Exception):
    """The root of the predictor's own exceptions."""


class ModelError(PredictorError):
    """The model file is missing, damaged, or not a model for these candidates."""


class BadAnswerError(PredictorError):
    """The model's output is NaN, infinite or outside 0 to 1."""


class OverloadedError(PredictorError):
    """There is more work than can be done in time; the request is refused before any of its own is."""


class BodyTooLargeError(PredictorError):
    """The request's body is larger than the limit, declared or streamed."""


class ClientGoneError(PredictorError):
    """The client closed the connection while its request was waiting."""


@dataclass(frozen=True)
class Detail:
    """One thing that is wrong with a request: where, what was there, what was expected."""

    field: str
    value: str
    expected: str


class InvalidRequestError(PredictorError):
    """The request's body is not a candidate or a list of candidates."""

    def __init__(self, details: tuple[Detail, ...], *, truncated: bool = False) -> None:
        super().__init__("; ".join(f"{d.field}: {d.value}, expected {d.expected}" for d in details))
        self.details = details
        self.truncated = truncated


class RequestLostError(PredictorError):
    """The request counts as lost on its way here: nothing is computed, logged or answered."""
