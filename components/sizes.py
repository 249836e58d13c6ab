"""How much a pod asks for and may use."""

from dataclasses import dataclass

from mlifecycle.manifest.operation import Amounts, Inference
from mlifecycle.quantity import parse_quantity
from mlifecycle.stack.settings import StackSettings


@dataclass(frozen=True)
class Sizes:
    """What a pod asks for and may use; memory is one amount for both."""

    cpu_request: str
    cpu_limit: str
    memory: str


def sizes_of(inference: Inference | None, settings: StackSettings) -> Sizes:
    """What the manifest asks for, else the environment's own.

    A CPU limit without a request is the request too, as in Kubernetes; one that is asked for
    lifts the environment's limit, where that is less.
    """
    resources = inference.resources if inference else None
    asked = (resources.requests if resources else None) or Amounts()
    most = (resources.limits if resources else None) or Amounts()
    request = asked.cpu or most.cpu or settings.cpu_request
    limit = most.cpu or max(request, settings.cpu_limit, key=lambda text: parse_quantity(text) or 0)
    return Sizes(request, limit, most.memory or settings.memory)
