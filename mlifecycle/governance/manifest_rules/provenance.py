"""Where the model comes from: framework, packages, data, experiment, artifact."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlifecycle.dependencies.pins import exact_versions
from mlifecycle.governance.rule import NotDecided, NothingToJudge, Objection, Rule, Terms
from mlifecycle.manifest.schema import Manifest

# What people call the frameworks, beside what the list calls them.
ALIASES = {"scikit-learn": "sklearn", "torch": "pytorch", "tf": "tensorflow", "keras": "tensorflow"}
# What could be read as another place than it looks like is none that anyone approved.
SOURCE_CHARACTERS = re.compile(r"[A-Za-z0-9._~/:+=-]+", re.ASCII)
PINNING = (">=", "==", "~=", "===")


def _framework(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    framework = manifest.spec.model.framework
    approved = terms.approved.frameworks
    if framework in approved:
        return
    wanted = framework.strip().lower()
    near = get_close_matches(ALIASES.get(wanted, wanted), approved, n=1)
    hint = f", did you mean {near[0]}?" if near else f": use one of {', '.join(approved)}"
    yield Objection(
        f"framework {framework!r} is not approved{hint}",
        value=framework,
        path=("spec", "model", "framework"),
    )


def _dependency_approved(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    for index, requirement in _requirements(manifest):
        name = canonicalize_name(requirement.name)
        if name not in terms.approved.packages:
            yield Objection(
                f"dependency {name} is not on the allowlist",
                value=str(requirement),
                path=("spec", "dependencies", index),
            )


def _dependency_pinned(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    for index, requirement in _requirements(manifest):
        if not any(specifier.operator in PINNING for specifier in requirement.specifier):
            yield Objection(
                f"dependency {requirement.name} has no lower or exact bound (>=, == or ~=)",
                value=str(requirement),
                path=("spec", "dependencies", index),
            )


def _dependency_vulnerable(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    for index, requirement in _requirements(manifest):
        name = canonicalize_name(requirement.name)
        for version in terms.approved.known_vulnerable.get(name, ()):
            if Version(version) in exact_versions(requirement):
                yield Objection(
                    f"dependency {name}=={version} is known to be vulnerable",
                    value=str(requirement),
                    path=("spec", "dependencies", index),
                )


def _requirements(manifest: Manifest) -> Iterator[tuple[int, Requirement]]:
    for index, text in enumerate(manifest.spec.dependencies):
        yield index, _parsed(text)


@cache
def _parsed(text: str) -> Requirement:
    return Requirement(text)


def _data_sources_present(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    if not manifest.spec.data_sources:
        yield Objection("Model must name the data sources that it was trained on", path=("spec",))


def _data_source_approved(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    if not manifest.spec.data_sources:
        raise NothingToJudge
    for index, item in enumerate(manifest.spec.data_sources):
        path = ("spec", "data_sources", index)
        if item.source is None:
            yield Objection(f"data source {index + 1} has no source", path=path)
            continue
        if item.approved is not True:
            yield Objection(f"data source {item.source!r} is not approved: true", item.source, path)
        if not any(_is_source(pattern, item.source) for pattern in terms.approved.data_sources):
            yield Objection(
                f"data source {item.source!r} is not on the allowlist", item.source, path
            )


def _is_source(pattern: str, source: str) -> bool:
    """Whether the source is the named one, or lies below it; `*` stays within a path segment."""
    if not SOURCE_CHARACTERS.fullmatch(source) or {".", ".."} & {*source.split("/")}:
        return False
    return _source_expression(pattern).fullmatch(source) is not None


@cache
def _source_expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", "[^/]+") + "(?:/.*)?")


def _experiment_missing(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    if not _experiment(manifest):
        yield Objection("Model must be linked to its experiment", path=("spec", "model"))


def _experiment_unknown(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    experiment = _experiment(manifest)
    if not experiment:
        raise NothingToJudge
    if terms.context.experiments is None:
        raise NotDecided("no tracking server is asked")
    if experiment not in terms.context.experiments:
        yield Objection(
            f"experiment {experiment!r} is unknown to the tracking server",
            value=experiment,
            path=("spec", "model", "experiment_id"),
        )


def _experiment(manifest: Manifest) -> str:
    """Its id or name; empty where there is nothing to read."""
    text = (manifest.spec.model.experiment_id or "").strip()
    return text if any(character.isalnum() for character in text) else ""


def _uri_scheme(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    scheme = manifest.spec.model.uri.split(":", 1)[0]
    allowed = terms.approved.uri_schemes[terms.environment]
    if scheme not in allowed:
        yield Objection(
            f"model uri scheme {scheme} is not allowed in {terms.environment}: "
            f"use one of {', '.join(allowed)}",
            value=manifest.spec.model.uri,
            path=("spec", "model", "uri"),
        )


RULES: tuple[Rule[Manifest], ...] = (
    Rule(
        "framework-approved",
        "Framework approved",
        _framework,
        "What serves and scans a model is known for these frameworks only.",
        "Use an approved framework, or ask the governance owner to add yours",
        ("NIST AI RMF GOVERN 6.1",),
    ),
    Rule(
        "dependency-approved",
        "Dependencies on allowlist",
        _dependency_approved,
        "Each package is code that runs beside the model's data.",
        "Remove the dependency, or ask the governance owner to add it to approved.yaml",
        ("NIST SSDF PO.3", "SLSA dependencies"),
    ),
    Rule(
        "dependency-pinned",
        "Dependencies have a lower or exact bound",
        _dependency_pinned,
        "Without a bound, any old version satisfies the requirement.",
        "Give the dependency a bound, such as >=2.0.0",
        ("NIST SSDF PW.4",),
    ),
    Rule(
        "dependency-known-vulnerable",
        "No dependency known to be vulnerable",
        _dependency_vulnerable,
        "These versions are refused by name, before any scanner is asked.",
        "Raise the dependency to a fixed version",
        ("NIST SSDF RV.1",),
    ),
    Rule(
        "data-sources-present",
        "Data sources present",
        _data_sources_present,
        "A model whose data nobody names can't be traced.",
        "Add data_sources with each source and its approval",
        ("EU AI Act Art. 10", "NIST AI RMF MAP 2.3"),
    ),
    Rule(
        "data-source-approved",
        "Data sources approved",
        _data_source_approved,
        "Data is used for what its owner approved, and from where it is kept safely.",
        "Have the source approved, or train without it",
        ("EU AI Act Art. 10", "NIST AI RMF MAP 2.3"),
    ),
    Rule(
        "experiment-linked",
        "Experiment tracking linked",
        _experiment_missing,
        "Without its experiment, a model's making can't be repeated or audited.",
        "Add model.experiment_id",
        ("EU AI Act Art. 12", "NIST AI RMF GOVERN 1.4"),
        case="missing",
    ),
    Rule(
        "experiment-linked",
        "Experiment known to the tracking server",
        _experiment_unknown,
        "A link that leads nowhere is none.",
        "Correct model.experiment_id to an experiment's id or name",
        ("EU AI Act Art. 12", "NIST AI RMF GOVERN 1.4"),
        case="unknown",
    ),
    Rule(
        "model-uri-scheme",
        "Model uri allowed",
        _uri_scheme,
        "An environment loads models only from stores that it controls.",
        "Move the model to an allowed store",
        ("SLSA source", "NIST SSDF PS.3"),
    ),
)
