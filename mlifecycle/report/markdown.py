"""What `validate` found, as Markdown for a pull request; every word of a manifest is escaped."""

from collections.abc import Iterable

from mlifecycle.governance.findings import refusals
from mlifecycle.report.escape import markdown
from mlifecycle.report.governance import advice_text, undecided, waived_text, warnings
from mlifecycle.report.validation import Judged, Validation


def as_markdown(validation: Validation) -> str:
    """One section for each manifest, and a list of the files that are none."""
    blocks = [_judged(item, validation) for item in validation.judged]
    if validation.problems:
        lines = [f"- ❌ {markdown(str(problem))}" for problem in validation.problems]
        blocks.append("\n".join(["### Unreadable manifests", "", *lines]))
    return "\n\n".join(blocks)


def _judged(item: Judged, validation: Validation) -> str:
    sign = "❌" if item.evaluation.refused else "✅"
    lines = [
        f"### {sign} {markdown(f'{item.model} {item.version}')} in "
        f"{markdown(validation.environment)}",
        "",
        f"{markdown(str(item.file))}, line {item.line}",
        "",
        "| check | result | rule | line | remedy |",
        "|---|---|---|---|---|",
    ]
    for check in item.evaluation.checks:
        if check.judged and not refusals(check.findings):
            sign = "✓" if check.passed or any(found.waiver for found in check.findings) else "⚠"
            lines.append(f"| {markdown(check.title)} | {sign} | | | |")
        lines += [
            f"| {markdown(check.title)} | ❌ {markdown(finding.message)} | {finding.rule} "
            f"| {finding.line or ''} | {markdown(finding.remediation)} |"
            for finding in check.findings
            if finding.refuses
        ]
    findings = item.evaluation.findings
    lines += _list("Warnings", map(advice_text, warnings(findings)))
    lines += _list("Not decided here", map(advice_text, undecided(findings)))
    waived = (waived_text(f, f.waiver, validation.today) for f in findings if f.waiver)
    lines += _list("Waived", waived)
    return "\n".join(lines)


def _list(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"- {markdown(item)}" for item in items]
    return ["", f"{title}:", "", *lines] if lines else []
