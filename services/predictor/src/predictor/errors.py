"""What can go wrong in the predictor; the request gets the status that each names."""

from dataclasses import dataclass


class PredictorError(Exception):
    """The root of the predictor's own exceptions."""


class ModelError(PredictorError):
    """The model file is missing, damaged, or not a model for these candidates; the process ends."""


class BadAnswerError(PredictorError):
    """The model's output is NaN, infinite or outside 0 to 1: 500."""


class OverloadedError(PredictorError):
    """There is more work than can be done in time.

    Refused before any of its own is: 429, Retry-After.
    """


class BodyTooLargeError(PredictorError):
    """The request's body is larger than the limit, declared or streamed: 413."""


class ClientGoneError(PredictorError):
    """The client closed the connection while its request was waiting; nobody gets a reply."""


@dataclass(frozen=True)
class Detail:
    """One thing that is wrong with a request: where, what was there, what was expected."""

    field: str
    value: str
    expected: str


class InvalidRequestError(PredictorError):
    """The request's body is not a candidate or a list of candidates: 422 with the details."""

    def __init__(self, details: tuple[Detail, ...], *, truncated: bool = False) -> None:
        super().__init__("; ".join(f"{d.field}: {d.value}, expected {d.expected}" for d in details))
        self.details = details
        self.truncated = truncated


class RequestLostError(PredictorError):
    """Told to take the request as lost on its way here: nothing is computed, logged or answered."""
