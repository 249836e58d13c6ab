"""The guard around every hook, asked by the real engine: nothing passes by failing quietly."""

from pathlib import Path

import pytest

from tests.sandbox import Result, Sandbox

PROGRAM = """
import sys, time
sys.path.insert(0, {root!r})
import pulumi
from components.hooks import guarded_hook

def body():
    {body}

hook = guarded_hook("probe", body, timeout=2, on_dry_run=True)
pulumi.ComponentResource(
    "test:index:Probed", "probed", {{"x": "y"}},
    pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_create=[hook])),
)
"""


def preview_with_hook(sandbox: Sandbox, body: str) -> Result:
    root = str(Path(__file__).parents[2])
    program = sandbox.own_program()
    (program / "__main__.py").write_text(PROGRAM.format(root=root, body=body))
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    return sandbox.preview()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise TimeoutError()", "TimeoutError without a message"),
        ("raise RuntimeError", "RuntimeError without a message"),
        ("assert False", "AssertionError without a message"),
        ("sys.exit(0)", "probe"),
        ("time.sleep(4)", "probe did not end within 2 s"),
        ("raise ValueError('the reason')", "the reason"),
    ],
)
def test_a_hook_that_fails_in_any_way_fails_the_preview(
    sandbox: Sandbox, body: str, expected: str
) -> None:
    result = preview_with_hook(sandbox, body)
    assert result.code != 0, result.output
    assert expected in result.output


def test_a_hook_that_passes_lets_the_preview_pass(sandbox: Sandbox) -> None:
    result = preview_with_hook(sandbox, "pass")
    assert result.code == 0, result.output
