"""The types of a manifest's fields: strict, exact, and refused in the author's words."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

# SemVer 2.0.0, the expression that semver.org suggests.
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
    r"(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
# With 13 characters for a digest it still fits an image tag's 128.
MAXIMUM_VERSION = 100
MAXIMUM_URI = 1000
# Entries of a list; more are nobody's model, and each is judged by itself.
MAXIMUM_ENTRIES = 1000
DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
URI_SCHEMES = ("s3", "gs", "abfs", "abfss", "mlflow", "models", "runs", "hf", "oci", "https")
# In these, a registry is named by the stack, so there may be no host behind `//`.
HOSTLESS = ("models", "runs")
URI_START = rf"(?:{'|'.join(HOSTLESS)}):/(?!/)|(?:{'|'.join(URI_SCHEMES)})://"
URI = re.compile(rf"(?P<start>{URI_START})(?P<rest>.+)", re.ASCII)
# No % either: what it stands for would have to be judged again.
URI_CHARACTERS = re.compile(r"[A-Za-z0-9._~/@:+=-]+", re.ASCII)
# In these, what stands before an @ is no user: a container, or a model with its alias or revision.
AT_IN_FIRST = ("abfs", "abfss", "models", "mlflow", "runs")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
DIGEST = r"^sha256:[0-9a-f]{64}$"


def _dns_label(value: str) -> str:
    if not DNS_LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS-1123 label: use lower-case letters, digits and -, at most 63"
        )
    return value


def _semantic_version(value: Any) -> Any:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        raise ValueError(f'{value} is a YAML number: quote the version, as in "2.1.0"')
    if isinstance(value, str) and not SEMVER.fullmatch(value):
        raise ValueError(f"{value!r} is not a SemVer 2.0.0 version, such as 2.1.0")
    return value


def _model_uri(value: str) -> str:
    match = URI.fullmatch(value)
    if match is None:
        schemes = ", ".join(f"{scheme}:" for scheme in URI_SCHEMES)
        raise ValueError(f"{_harmless(value)} is no model uri: it begins with one of {schemes}")
    scheme = match["start"].partition(":")[0]
    first, *others = match["rest"].lstrip("/").split("/")
    user, at, _ = first.partition("@")
    if at and (":" in user or scheme not in AT_IN_FIRST):
        # Not shown: it may be a password, and it stands in Git already.
        raise ValueError("a model uri must not hold a user or a password")
    if not URI_CHARACTERS.fullmatch(value):
        raise ValueError(f"{_harmless(value)} has a character that a model uri must not have")
    nowhere = match["rest"].startswith("/") or first.startswith(":")
    if not first or nowhere or {first, *others} & {".", ".."}:
        raise ValueError(f"{_harmless(value)} leads to no place of its own")
    return value


def _harmless(value: str) -> str:
    """A value for a message, unless it may hold a password."""
    return "a text that may hold a password, so it is not shown," if "@" in value else repr(value)


def _requirement(value: str) -> str:
    try:
        requirement = Requirement(value)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{_harmless(value)} is no requirement, such as torch>=2.0.0: {reason}"
            if "@" not in value
            else f"{_harmless(value)} is no requirement, such as torch>=2.0.0"
        ) from error
    if requirement.url is not None:
        raise ValueError(
            f"dependency {requirement.name} names a place, not a version: "
            "only released packages are used"
        )
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        try:
            if not DAY.fullmatch(value):
                raise ValueError("another form")
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is not a date: YYYY-MM-DD") from error
    return value


def _exact(value: Any) -> Any:
    """Numbers stay exact: YAML's text becomes a Decimal, and a whole number is one too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def _amount(value: Any) -> Any:
    """`cpu: 2` and `cpu: "2"` mean the same to Kubernetes."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    return value


def _number(low: int | None, high: int | None) -> Any:
    """A Decimal within bounds; for editors, a JSON number."""
    schema: dict[str, Any] = {"type": "number"}
    if low is not None:
        schema["minimum"] = low
    if high is not None:
        schema["maximum"] = high
    bounds = Field(ge=low, le=high, allow_inf_nan=False)
    return Annotated[Decimal, BeforeValidator(_exact), bounds, WithJsonSchema(schema)]


Name = Annotated[
    str,
    AfterValidator(_dns_label),
    WithJsonSchema({"type": "string", "pattern": f"^{DNS_LABEL.pattern}$"}),
]
Version = Annotated[
    str,
    BeforeValidator(_semantic_version),
    Field(max_length=MAXIMUM_VERSION),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{SEMVER.pattern}$", "maxLength": MAXIMUM_VERSION}
    ),
]
ModelUri = Annotated[
    str,
    Field(max_length=MAXIMUM_URI),
    AfterValidator(_model_uri),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^({URI_START}){URI_CHARACTERS.pattern}$",
            "maxLength": MAXIMUM_URI,
        }
    ),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Digest = Annotated[str, Field(pattern=DIGEST)]
# For editors, which know no PEP 508: a name, extras, versions, a marker.
REQUIREMENT = (
    r"^\s*[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[^\]]*\]\s*)?(\(?\s*[=~!<>][^@]*)?(;.*)?$"
)
Dependency = Annotated[
    str,
    Field(min_length=1, max_length=500, json_schema_extra={"pattern": REQUIREMENT}),
    AfterValidator(_requirement),
]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Amount = Annotated[
    str,
    BeforeValidator(_amount),
    Field(min_length=1, max_length=50),
    WithJsonSchema({"type": ["string", "number"], "minLength": 1, "examples": ["512Mi", "500m"]}),
]
Count = Annotated[int, Field(ge=1, le=10**12)]
Replicas = Annotated[int, Field(ge=1, le=1000)]
Ratio = _number(0, 1)
Difference = _number(-1, 1)
NotNegative = _number(0, None)
