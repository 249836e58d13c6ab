"""`mlifecycle validate`: files in, what schema and rules say of them out."""

from collections.abc import Sequence
from pathlib import Path

from mlifecycle.governance.context import read_context
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import load_governance
from mlifecycle.manifest.loading import Loading, Problem, read_paths
from mlifecycle.manifest.nodes import Position
from mlifecycle.report.validation import Judged, Validation
from mlifecycle.stack.stack_file import read_stack_terms


def validate_paths(
    paths: Sequence[Path], stack: str, *, recorded: Path | None = None
) -> Validation:
    """Every manifest of files and folders, judged as the stack of that name would.

    Args:
        recorded: a file that fixes the context.

    Raises:
        OwnersFileError, ContextError, SettingsError: what judges is unusable; nothing is judged.
    """
    terms = read_stack_terms(stack)
    governance = load_governance()
    governance.require_environment(terms.environment)
    context = read_context(terms.registries, recorded=recorded)
    loading = read_paths(paths)
    problems = [*loading.problems, *_without_manifests(paths, loading)]
    judged = []
    for item in loading.loaded:
        model, lines = item.manifest.spec.model, item.lines()
        evaluation = evaluate(item.manifest, terms.environment, governance, context, lines)
        first = item.document.position(()).line
        judged.append(Judged(item.file, first, model.name, model.version, evaluation))
    return Validation(stack, context.date, tuple(judged), tuple(problems))


def _without_manifests(paths: Sequence[Path], loading: Loading) -> list[Problem]:
    """A folder in which nothing was judged was not what its caller meant."""
    files = [item.file for item in loading.loaded] + [item.file for item in loading.problems]
    return [
        Problem(path, Position(1, 1), "no manifest is in this folder")
        for path in paths
        if path not in files and not any(file.is_relative_to(path) for file in files)
    ]
