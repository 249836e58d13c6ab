"""No input makes `validate` raise, hang, grow without bound, or exit other than with 0, 1 or 2."""

import json
import os
import string
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mlifecycle.cli import app
from tests.sandbox import ROOT, SEED_MANIFEST

SEED = SEED_MANIFEST.read_text()
SECONDS = 2
MEBIBYTES = 200
RELAXED = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(["1e999", "0x10", "1:30", ".inf", "~", "2.10", "=", "<<", "!!x", "2025-02-31"]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = [
    *("metadata.name", "metadata.namespace", "spec.model.version", "spec.model.uri", "kind"),
    *("spec.model.framework", "spec.metrics.accuracy", "spec.metrics", "spec.fairness", "spec"),
    *("spec.drift.score", "spec.drift.reference_date", "spec.dependencies", "spec.data_sources"),
    *("spec.inference", "spec.inference.resources", "spec.monitoring", "spec.previous_version"),
    *("spec.rollback", "spec.training.sample_size", "spec.metrics.sample_size", "spec.new"),
]


def run(file: Path) -> None:
    """Validate in this process; anything but the documented exit codes fails."""
    started = time.monotonic()
    for output in ("text", "json", "markdown", "sarif"):
        result = CliRunner().invoke(app, ["validate", str(file), "--format", output])
        assert result.exit_code in {0, 1, 2}, (result.output, result.exception)
        if output in {"json", "sarif"} and result.stdout:
            json.loads(result.stdout)
        if output == "text":
            assert all(sign.isprintable() or sign == "\n" for sign in result.stdout)
    assert time.monotonic() - started < 4 * SECONDS


@given(content=st.binary(max_size=400))
@RELAXED
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "m.yaml"
    file.write_bytes(content)
    run(file)


@given(content=st.text(alphabet=string.printable + "é\u202e\ufeff\x85\u2028", max_size=400))
@RELAXED
def test_any_text(tmp_path: Path, content: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(content, encoding="utf-8")
    run(file)


@given(document=documents)
@RELAXED
def test_any_document(tmp_path: Path, document: Any) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    run(file)


@given(edits=st.lists(st.tuples(st.sampled_from(FIELDS), documents), min_size=1, max_size=3))
@RELAXED
def test_a_manifest_with_anything_in_its_fields(
    tmp_path: Path, edits: list[tuple[str, Any]]
) -> None:
    document = yaml.safe_load(SEED)
    for path, value in edits:
        *steps, field = path.split(".")
        section = document
        for step in steps:
            below = section.get(step)
            if not isinstance(below, dict):
                section[step] = below = {}
            section = below
        section[field] = value
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    run(file)


@given(cut=st.integers(0, len(SEED)), piece=st.text(max_size=5), length=st.integers(0, 30))
@RELAXED
def test_a_manifest_with_a_piece_changed(tmp_path: Path, cut: int, piece: str, length: int) -> None:
    file = tmp_path / "m.yaml"
    changed = f"{SEED[:cut]}{piece}{SEED[cut + length :]}"
    file.write_text(changed, encoding="utf-8", errors="surrogatepass")
    run(file)


BOMBS = {
    "alias-bomb": "a: &a [x,x]\n" + "".join(f"b{i}: &b{i} [*a,*a]\n" for i in range(50)),
    "ten-megabytes": "a: " + "x" * 10_000_000,
    "many-small-fields": "".join(f"k{i}: 1\n" for i in range(9_000)),
    "many-documents": "--- {a: 1}\n" * 8_000,
    "many-manifests": "---\n".join(SEED.replace("fraud-", f"m{i}-") for i in range(120)),
    "deep-lists": "[" * 99_000,
    "deep-flow-maps": "{a: " * 24_000,
    "deep-block": "".join(" " * i + "a:\n" for i in range(400)),
    "deep-dashes": "- " * 49_000,
    "explicit-keys": "? " * 49_000,
    "long-number": "a: 1" + "0" * 90_000,
    "long-fraction": SEED.replace("0.94", "0." + "9" * 90_000),
    "large-exponent": SEED.replace("0.94", "1.0e+999999999"),
    "small-exponent": SEED.replace("0.94", "1.0e-999999999"),
    "long-anchor": "&" + "a" * 90_000 + " x",
    "long-tag": "!" + "a" * 90_000 + " x",
    "long-quoted-key": '"' + "a" * 90_000 + '": 1',
    "quotes": "'" * 99_999,
    "long-dependency": SEED.replace("torch>=2.0.0", "torch" + ">=1," * 20_000),
    "many-dependencies": SEED.replace("torch>=2.0.0", "x>=1\n" + "    - x>=1\n" * 7_000),
    "many-sources": SEED + "    - {source: x, approved: true}\n" * 2_500,
    "hexadecimal": SEED.replace("0.94", "0x" + "F" * 10_000),
    "base-60": SEED.replace("0.94", "1" + ":59" * 3_000),
    "tagged-number": SEED.replace("0.94", '!!int ""'),
    "tagged-boolean": SEED.replace("approved: true", "approved: !!bool maybe"),
    "tagged-date": SEED.replace('"2025-01-01"', "!!timestamp abc"),
    "nul": "a: \x00",
    "byte-order-mark": "\ufeff" + SEED,
}


def measured(path: Path) -> tuple[int, float, float]:
    """Exit code, seconds and peak MiB of a `validate` of its own process."""
    # VmHWM, because a process's ru_maxrss begins with that of the one that started it.
    script = (
        "import sys; sys.argv = ['mlifecycle', 'validate', sys.argv[1]]\n"
        "from mlifecycle.cli import app\n"
        "try: app()\n"
        "finally: print(*[line.split()[1] for line in open('/proc/self/status')"
        " if line.startswith('VmHWM')], file=sys.stderr)"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    seconds = time.monotonic() - started
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")[-2000:]
    return done.returncode, seconds, int(done.stderr.split()[-1]) / 1024


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_bounded_time_and_memory(tmp_path: Path, name: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(BOMBS[name], encoding="utf-8")
    code, seconds, mebibytes = measured(file)
    assert code in {0, 1, 2}
    # The interpreter's own start is in it, on a machine that runs other tests.
    assert seconds < 2 * SECONDS
    assert mebibytes < MEBIBYTES


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path):
        code, seconds, _ = measured(path)
        assert code == 2
        assert seconds < SECONDS


def test_links_and_folders_with_a_manifests_name(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out.yaml"
    (folder / "x.yaml").mkdir(parents=True)
    (folder / "x.yaml" / "m.yaml").write_text(SEED)
    assert CliRunner().invoke(app, ["validate", str(folder)]).exit_code == 0
    outside.write_text(SEED)
    (folder / "link.yaml").symlink_to(outside)
    result = CliRunner().invoke(app, ["validate", str(folder)])
    assert result.exit_code == 2
    assert "a link that leads out of its folder is not read" in result.stdout
    (folder / "link.yaml").unlink()
    (folder / "loop").symlink_to(folder)
    (folder / "broken.yaml").symlink_to(folder / "nowhere")
    assert "no such file" in CliRunner().invoke(app, ["validate", str(folder)]).stdout
    (folder / "a.yaml").symlink_to(folder / "b.yaml")
    (folder / "b.yaml").symlink_to(folder / "a.yaml")
    assert CliRunner().invoke(app, ["validate", str(folder)]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", "a" * 5000]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", "/dev/zero"]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", "/dev/null"]).exit_code == 2
    assert CliRunner().invoke(app, ["validate", "a\x00b"]).exit_code == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_terminal_without_utf_8_gets_escapes(encoding: str, output: str) -> None:
    command = [f"{ROOT}/.venv/bin/mlifecycle", "validate", str(SEED_MANIFEST), "--format", output]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("kind", ["pipe", "large"])
def test_a_context_that_is_none_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "context"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        with file.open("wb") as stream:
            stream.truncate(400_000_000)
    arguments = ["validate", str(SEED_MANIFEST), "--context", str(file)]
    assert CliRunner().invoke(app, arguments).exit_code == 2
