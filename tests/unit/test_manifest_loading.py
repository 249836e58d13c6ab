"""What a manifest may be, and that every refusal says where and why."""

import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from mlifecycle.manifest.loading import ManifestError, load_paths, read_paths
from mlifecycle.manifest.plain import from_plain, to_plain
from tests.sandbox import SEED_MANIFEST

SEED = SEED_MANIFEST.read_text()


PASSWORD = "spec.model.uri: a model uri must not hold a user or a password"
HIDDEN = "spec.model.uri: a text that may hold a password, so it is not shown, is no model uri"
URIS = (
    ("s3://KEY:hunter2@bucket/x", PASSWORD),
    ("s3:/u:hunter2@b", "spec.model.uri: a text that may hold a password, so it is not shown"),
    ("s3:///user:hunter2@host/x", PASSWORD),
    ("https://user@host/x", PASSWORD),
    ("abfss://user:hunter2@acct/x", PASSWORD),
    ("HTTPS://user:hunter2@host/x", HIDDEN),
    ("git+https://user:hunter2@host/x", HIDDEN),
    ("s3://../..", "spec.model.uri: 's3://../..' leads to no place"),
    ("s3:////", "spec.model.uri: 's3:////' leads to no place"),
    ("s3://b/%41", "spec.model.uri: 's3://b/%41' has a character"),
)
TAGGED = ('!!float "0.94"', "!!str 2.1.0", '!!int ""', "!!bool maybe", "!!map {}", "! true")
# What YAML 1.1 takes for 8, 10, 4 and 90 is not what an author means.
ODD_NUMBERS = ("010", "0b1010", "0x4", "1:30", "1_000", "-012", "1:30.5")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def refusal(tmp_path: Path, content: str | bytes) -> str:
    """The one message with which a file of that content is refused, without its folder."""
    file = tmp_path / "m.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ManifestError) as caught:
        load_paths([file])
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_the_seeds_manifest_is_valid_and_its_numbers_are_exact() -> None:
    (loaded,) = load_paths([SEED_MANIFEST])
    metrics = loaded.manifest.spec.metrics
    assert metrics is not None
    assert str(metrics.f1_score) == "0.90"
    assert loaded.manifest.spec.model.version == "2.1.0"


def test_a_manifest_survives_the_way_through_the_engine() -> None:
    (loaded,) = load_paths([SEED_MANIFEST])
    assert from_plain(to_plain(loaded.manifest)) == loaded.manifest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    accuracy: 0.94",
            "    acuracy: 0.94",
            "m.yaml:15:5: unknown field spec.metrics.acuracy, did you mean accuracy?",
        ),
        ("accuracy: 0.94", 'accuracy: "0.94"', "m.yaml:15:5: spec.metrics.accuracy: "),
        ("accuracy: 0.94", "accuracy: true", "m.yaml:15:5: spec.metrics.accuracy: "),
        ("accuracy: 0.94", "accuracy: .nan", "m.yaml:15:5: spec.metrics.accuracy: "),
        ("accuracy: 0.94", "accuracy: .inf", "m.yaml:15:5: spec.metrics.accuracy: "),
        ("accuracy: 0.94", "accuracy: 1.01", "m.yaml:15:5: spec.metrics.accuracy: "),
        ("accuracy: 0.94", "accuracy:", "m.yaml:15:5: spec.metrics.accuracy: is empty"),
        ('"2.1.0"', "2.10", "m.yaml:10:5: spec.model.version: 2.10 is a YAML number: quote the"),
        ('"2.1.0"', "v2.1.0", "m.yaml:10:5: spec.model.version: 'v2.1.0' is not a SemVer"),
        ('"2.1.0"', "02.1.0", "m.yaml:10:5: spec.model.version: '02.1.0' is not a SemVer"),
        ("s3://mlifecycle-models", "file:///etc", "m.yaml:11:5: spec.model.uri: "),
        ("s3://mlifecycle-models/fraud-detector/v2.1.0", '"s3://a/$(id)"', "m.yaml:11:5: spec"),
        *(
            ("s3://mlifecycle-models/fraud-detector/v2.1.0", uri, f"m.yaml:11:5: {message}")
            for uri, message in URIS
        ),
        ("namespace: ml-inference", "namespace: ML", "m.yaml:6:3: metadata.namespace: 'ML' is not"),
        ("    framework: pytorch\n", "", "m.yaml:8:3: spec.model.framework is missing"),
        ('"2025-01-01"', '"2025-02-31"', "m.yaml:24:5: spec.drift.reference_date: '2025-02-31' is"),
        ("v1\nkind", "v2\nkind", "m.yaml:2:1: apiVersion: "),
        ("kind: ModelDeployment", "kind: Model", "m.yaml:3:1: kind: "),
        (
            "  name: fraud-detector\n  namespace",
            "  name: other\n  namespace",
            "m.yaml:2:1: metadata.name 'other' and",
        ),
        ("approved: true", 'approved: "true"', "m.yaml:30:7: spec.data_sources.0.approved: "),
        ("  drift:", "  metrics: {}\n  drift:", "m.yaml:22:3: duplicate key 'metrics'"),
        ("    - torch>=2.0.0", "    - 5", "m.yaml:26:7: spec.dependencies.0: "),
    ],
)
def test_a_broken_field_is_named_with_its_place(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in SEED
    assert refusal(tmp_path, SEED.replace(old, new)).startswith(expected)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [1, 2", "m.yaml:2:1: "),
        ("a: 1\n\tb: 2\n", "m.yaml:2:1: "),
        ("", "m.yaml:1:1: the file has no document"),
        ("- 1\n", "m.yaml:1:1: "),
        (b"a: \xff\n", "m.yaml:1:4: not UTF-8 text"),
        ("a: &x [1]\nb: *x\n", "m.yaml:2:4: aliases are not allowed"),
        ("a: !!python/object:os.system {}\n", "m.yaml:1:4: tags are not allowed"),
        ("a: " + "[" * 2000, "m.yaml:1:33: nested deeper than 30"),
        ("a: " + "x" * 100_001, "m.yaml:1:1: larger than 100000 bytes"),
        (f"{SEED}---\nkind: x\n", "m.yaml:32:1: apiVersion is missing"),
        ("a: 2025-02-31\n", "m.yaml:1:4: '2025-02-31': "),
        ("1: x\n", "m.yaml:1:1: a key must be plain text"),
        *((f"a: {text}\n", "m.yaml:1:4: tags are not allowed") for text in TAGGED),
        *((f"a: {text}\n", f"m.yaml:1:4: {text!r}: write the number in") for text in ODD_NUMBERS),
        (f"a: {UNKNOWN}\n", "m.yaml:1:4: a text that the engine keeps for itself"),
        ("a: " + "1" * 5000, "m.yaml:1:4: a number longer than 100 characters"),
    ],
    ids=(
        *("open-list", "tab", "empty", "list", "not-utf8", "alias", "tag", "deep", "large"),
        *("second-document", "no-such-day", "number-key"),
        *(f"tag {text}" for text in TAGGED),
        *(f"number {text}" for text in ODD_NUMBERS),
        *("unknown", "huge-number"),
    ),
)
def test_a_file_that_is_no_manifest_is_named_with_the_place(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    assert refusal(tmp_path, content).startswith(expected)


def test_every_problem_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SEED.replace("spec:", "spek:"))
    (tmp_path / "b.yaml").write_text("x: [")
    with pytest.raises(ManifestError) as caught:
        load_paths([tmp_path, tmp_path / "missing"])
    assert {problem.file.name for problem in caught.value.problems} == {
        *("a.yaml", "b.yaml", "missing")
    }


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SEED)
    (tmp_path / "b.yaml").write_text(SEED)
    with pytest.raises(ManifestError, match=r"b.yaml:5:3: model 'fraud-detector' is already in"):
        load_paths([tmp_path])


@pytest.mark.parametrize(
    "uri",
    [
        "abfss://container@account.dfs.core.windows.net/x",
        "s3://bucket/run=1/x",
        "models:/fraud-detector@champion",
        "hf://organisation/model@main",
        "https://models.example.com:8443/x",
    ],
)
def test_the_usual_forms_of_uris_are_accepted(tmp_path: Path, uri: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(SEED.replace("s3://mlifecycle-models/fraud-detector/v2.1.0", uri))
    assert load_paths([file])[0].manifest.spec.model.uri == uri


def test_a_password_in_a_dependency_is_not_shown(tmp_path: Path) -> None:
    for text in ("torch @ https://user:hunter2@host/x.whl", "-e git+https://u:hunter2@h/x"):
        assert "hunter2" not in refusal(tmp_path, SEED.replace("torch>=2.0.0", text))


@pytest.mark.parametrize("day", ["2025-W01-1", "20250101", "2025-1-1"])
def test_a_date_has_one_form(tmp_path: Path, day: str) -> None:
    message = refusal(tmp_path, SEED.replace('"2025-01-01"', f'"{day}"'))
    assert f"{day!r} is not a date: YYYY-MM-DD" in message


@pytest.mark.parametrize("number", ["1.0e+99999999999999999999", "1.0e+999", "1.0e-999"])
def test_a_number_that_nobody_means_is_refused(tmp_path: Path, number: str) -> None:
    text = SEED.replace("score: 0.05", f"score: {number}")
    assert "a number beyond 1e100, or nearer to 0 than its inverse" in refusal(tmp_path, text)


@pytest.mark.parametrize("number", ["5e-2", "5E-2", "0.5e-1"])
def test_a_number_with_an_exponent_is_one_as_in_json(tmp_path: Path, number: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(SEED.replace("score: 0.05", f"score: {number}"))
    drift = load_paths([file])[0].manifest.spec.drift
    assert drift is not None
    assert drift.score == Decimal("0.05")
    text = SEED.replace("score: 0.05", f'score: "{number}"')
    assert "must be a number" in refusal(tmp_path, text)


def test_an_empty_value_hides_no_other_mistake(tmp_path: Path) -> None:
    text = SEED.replace("accuracy: 0.94", "accuracy:").replace("recall:", "recal:")
    assert refusal(tmp_path, text).splitlines() == [
        "m.yaml:15:5: spec.metrics.accuracy: is empty: give a value or remove it",
        "m.yaml:18:5: unknown field spec.metrics.recal, did you mean recall?",
    ]


def test_one_slash_leads_to_no_store(tmp_path: Path) -> None:
    text = SEED.replace("uri: s3://", "uri: s3:/")
    assert "is no model uri: it begins with one of" in refusal(tmp_path, text)


def test_a_key_with_line_ends_writes_no_line_of_its_own(tmp_path: Path) -> None:
    text = SEED.replace("recall:", '"recall\\n✓ passed":')
    (line,) = refusal(tmp_path, text).splitlines()
    assert "unknown field spec.metrics.recall\\n✓ passed" in line


def test_a_file_that_is_named_twice_is_one(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(SEED)
    (tmp_path / "link.yaml").symlink_to(file)
    assert len(load_paths([file, tmp_path, file])) == 1


@pytest.fixture
def deep_folder(tmp_path: Path) -> Iterator[Path]:
    """Deeper than Python's own functions go; also those with which pytest would remove it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    deep = str(folder)
    for _ in range(1100):
        deep += "/d"
        os.mkdir(deep)
    yield folder
    subprocess.run(["rm", "-rf", folder / "d"], check=True)


def test_folders_may_be_deep(deep_folder: Path) -> None:
    (deep_folder / "m.yaml").write_text(SEED)
    assert len(load_paths([deep_folder])) == 1


def test_a_link_to_a_folder_elsewhere_is_said_and_one_within_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "m.yaml").write_text(SEED)
    (folder / "lib64").symlink_to(folder / "lib")
    assert len(load_paths([folder])) == 1
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ManifestError, match="link:1:1: a link that leads out of its folder"):
        load_paths([folder])


def test_a_second_model_of_a_name_is_not_judged(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(f"{SEED}\n---\n{SEED}")
    loading = read_paths([file])
    assert (len(loading.loaded), len(loading.problems)) == (1, 1)


@pytest.mark.parametrize("uri", ["s3:///x", "gs:////x", "https:///x", "https://:443/x"])
def test_a_uri_names_a_place(tmp_path: Path, uri: str) -> None:
    text = SEED.replace("s3://mlifecycle-models/fraud-detector/v2.1.0", uri)
    assert "leads to no place of its own" in refusal(tmp_path, text)


def test_a_control_character_is_where_it_is(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: 1\nb: 2\nc: \x01\n").startswith("m.yaml:3:4: unacceptable")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            SEED.replace("dependencies:\n", "dependencies:\n" + "    - numpy\n" * 1000),
            "spec.dependencies: has more than 1000 entries",
        ),
        ("---\na: 1\n" * 1001, "the file has more than 1000 documents"),
    ],
)
def test_a_list_is_not_endless(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refusal(tmp_path, text)
