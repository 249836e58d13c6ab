"""Rules about the images that pods run: by digest, from an accepted registry, scanned by us."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlifecycle.governance.objects.kubernetes import KubernetesObject, pod_of
from mlifecycle.governance.objects.values import found, known, section, sections, shown, text
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

# An annotation of pods: a JSON object from each image's digest to its scan's verdict.
SCAN_EVIDENCE = "mlifecycle.io/scan-evidence"

# The grammar of github.com/distribution/reference, digests narrowed to the one in use.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BARE_ID = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 255
_DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class Reference:
    """An image reference in full: `nginx` is `docker.io/library/nginx`."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""


def parse_reference(image: str) -> Reference | None:
    """Read a reference as container runtimes do; None where it is none."""
    rest, at, digest = image.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return None
    name, tag = rest, ""
    # A colon before the last slash belongs to a port.
    if (colon := rest.rfind(":")) > rest.rfind("/"):
        name, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.fullmatch(tag):
            return None
    host, repository = _split_host(name)
    if not _DOMAIN.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        return None
    if _BARE_ID.fullmatch(name) or len(host) + len(repository) >= _LONGEST_NAME:
        return None
    return Reference(host, repository, tag, digest)


def is_accepted(image: Reference, registries: tuple[str, ...]) -> bool:
    """Whether one of the registries (a host, or a host with a path) holds the image."""
    for registry in registries:
        host, _, path = registry.rstrip("/").partition("/")
        pattern = re.escape(host).replace(r"\*", r"[^.:]+")
        wanted = path.split("/") if path else []
        if re.fullmatch(pattern, image.host) and (
            image.repository.split("/")[: len(wanted)] == wanted
        ):
            return True
    return False


def _split_host(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if slash and is_host:
        host, repository = first, rest
    else:
        host, repository = _DOCKER_HUB, name
    if host == f"index.{_DOCKER_HUB}":
        host = _DOCKER_HUB
    if host == _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return host, repository


@dataclass(frozen=True)
class _Image:
    where: str
    value: Any
    path: Path

    @property
    def reference(self) -> Reference | None:
        """What it names; None where that can't be read."""
        value = known(self.value)
        return parse_reference(value) if isinstance(value, str) else None

    def objection(self, problem: str) -> Iterator[Objection]:
        """That the image has a problem."""
        yield Objection(
            f"{self.where}: image {shown(self.value)} {problem}", found(self.value), self.path
        )


def _images(item: KubernetesObject) -> Iterator[_Image]:
    """What containers run, and what is mounted from images."""
    pod = pod_of(item)
    if pod is None:
        return
    for container in pod.containers():
        yield _Image(str(container), container.body.get("image"), (*container.path, "image"))
    for index, volume in enumerate(sections(pod.spec, "volumes")):
        if known(volume.get("image")) is not None:
            path = (*pod.path, "spec", "volumes", index, "image", "reference")
            where = f"volume {shown(volume.get('name'))}"
            yield _Image(where, section(volume, "image").get("reference"), path)


def _check_digest(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for image in _images(item):
        reference = image.reference
        if reference is None or not reference.digest:
            yield from image.objection("is not named by a sha256 digest")


def _check_latest(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for image in _images(item):
        reference = image.reference
        if reference is None:
            yield from image.objection("has no tag that can be read")
        elif reference.tag == "latest":
            yield from image.objection("has the tag latest")
        elif not (reference.tag or reference.digest):
            yield from image.objection("has no tag, which means latest")


def _check_registry(item: KubernetesObject, terms: Terms) -> Iterator[Objection]:
    accepted = terms.approved.registries + terms.context.registries
    for image in _images(item):
        reference = image.reference
        if reference is None:
            yield from image.objection("is no image reference")
        elif not is_accepted(reference, accepted):
            where = f"{reference.host}/{reference.repository}"
            yield from image.objection(f"comes from {shown(where)}, not an accepted registry")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two verdicts about one image, nobody could say which counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _check_scan_evidence(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if pod is None:
        return
    path = (*pod.path, "metadata", "annotations", SCAN_EVIDENCE)
    annotation = text(section(pod.metadata, "annotations"), SCAN_EVIDENCE)
    if not annotation:
        yield Objection(f"annotation {SCAN_EVIDENCE} is missing on the pods", None, path[:-1])
        return
    try:
        verdicts = json.loads(annotation, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        verdicts = None
    if not isinstance(verdicts, dict):
        yield Objection(f"annotation {SCAN_EVIDENCE} is no JSON object", shown(annotation), path)
        return
    for image in _images(item):
        reference = image.reference
        verdict = verdicts.get(reference.digest) if reference and reference.digest else None
        if verdict != "passed":
            said = "nothing" if verdict is None else shown(verdict)
            yield from image.objection(f"has not passed its scan: {SCAN_EVIDENCE} says {said}")


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="img-digest",
        title="Images are named by digest",
        check=_check_digest,
        reason="A tag can be moved, so only a digest says which bytes run and are rolled back to",
        remediation="Name the image as name@sha256:<digest>",
        frameworks=("NIST SP 800-190 4.1.5", "Gatekeeper imagedigests"),
    ),
    Rule(
        id="img-no-latest",
        title="No image has the tag latest",
        check=_check_latest,
        reason="Latest is another image tomorrow, and nobody can say which one ran",
        remediation="Name the image by a version's tag and its digest",
        frameworks=("KSV-0013",),
    ),
    Rule(
        id="img-registry-allowlist",
        title="Images come from accepted registries",
        check=_check_registry,
        reason="A look-alike registry or repository delivers somebody else's code",
        remediation=(
            "Use an image of an accepted registry,"
            " or have the governance owner add the registry to approved.yaml"
        ),
        frameworks=("KSV-0125", "KSV-0034"),
    ),
    Rule(
        id="img-scan-evidence",
        title="Every image has passed its scan",
        check=_check_scan_evidence,
        reason="A verdict about another image is no verdict",
        remediation="Release the model with mlifecycle up, which scans what it deploys",
        frameworks=("CIS Kubernetes 1.12: 5.5.1",),
    ),
)
