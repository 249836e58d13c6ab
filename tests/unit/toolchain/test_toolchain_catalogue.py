"""`tools.toml` as committed agrees with its wrapper modules and with `mise.toml`; a wrong
catalogue is told.
"""

import re
import tomllib
from pathlib import Path

import pytest

from devcluster.toolchain import ToolchainError
from devcluster.toolchain.recipes import Tool, load_catalogue
from devcluster.toolchain.versions import VersionRange
from tests.unit.toolchain.workbench import CATALOGUE, REPOSITORY

COMMITTED = load_catalogue()

# Versions that no module has: of our own command, and of modules published under other numbers.
OWN_NUMBERS = {
    "referrers-registry",
    "pause",
    "trivy-db-build",
    "grype-db-build",
    "pulumi-language-python",
    "pulumi-resource-kubernetes",
}


@pytest.mark.parametrize("tool", COMMITTED.tools.values(), ids=lambda tool: tool.name)
def test_own_version_serves(tool: Tool) -> None:
    assert tool.serves.contains(tool.version)


@pytest.mark.parametrize(
    "tool",
    [t for t in COMMITTED.tools.values() if not t.script and t.name not in OWN_NUMBERS],
    ids=lambda tool: tool.name,
)
def test_wrapper_module_requires_the_tool_at_its_version(tool: Tool) -> None:
    group = COMMITTED.groups[tool.group]
    required = re.findall(
        r"^\s*(?:require )?(\S+) v(\S+)", (group.directory / "go.mod").read_text(), re.MULTILINE
    )
    source = tool.package
    if source.startswith("."):
        main = group.directory / source / "main.go"
        source = " ".join(re.findall(r'"([a-z]+\.[^"]+)"', main.read_text()))
    versions = {
        version.removesuffix("+incompatible")
        for module, version in required
        if re.search(rf"(^| ){re.escape(module)}(/| |$)", source)
    }
    assert tool.version in versions


def test_scripts_are_of_the_engine_that_is_built() -> None:
    engine = COMMITTED.tools["pulumi"].version
    scripts = [tool for tool in COMMITTED.tools.values() if tool.script]
    assert len(scripts) == 2
    for tool in scripts:
        assert tool.script is not None
        assert tool.script.module.endswith(f"@v{engine}")
        assert tool.version == engine


def test_modules_hash_in_the_catalogue_is_the_one_in_go_sum() -> None:
    sums = "".join((g.directory / "go.sum").read_text() for g in COMMITTED.groups.values())
    files = [tool.script for tool in COMMITTED.tools.values() if tool.script]
    files += [entry.source for g in COMMITTED.groups.values() for entry in g.generated]
    assert files
    for file in files:
        assert f"{file.module.replace('@', ' ')} {file.sum}\n" in sums


def test_mise_pins_the_same_versions() -> None:
    pinned = tomllib.loads((REPOSITORY / "mise.toml").read_text())["tools"]
    ours = {name: tool.version for name, tool in COMMITTED.tools.items()}
    tools = {name: version for name, version in pinned.items() if name not in ("python", "go")}
    assert len(tools) >= 6
    assert tools == {name: ours[name] for name in tools}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('version = "1.2.3"', ""), "tools.greeter: version is missing"),
        (('version = "1.2.3"', "version = 1.2"), "version must be a str, is 1.2"),
        (("build_seconds", "build_secs"), "build_seconds is missing"),
        (("used_by", "serves_well = 1\nused_by"), "unknown key serves_well"),
        (('group = "greeting"', 'group = "other"'), "tool greeter: no group 'other'"),
        ((">=1.2,<2", "~1.2"), "serves: '~1.2' is not ==, >= or < followed by a version"),
        (('["up"]', '["down"]'), "used_by knows only up, test, test-full"),
        (('module = "greeting"', 'module = "nowhere"'), "go.mod is missing"),
        (('package = "."', 'package = "."\nbeside = "nobody"'), "no tool 'nobody' before it"),
        (('package = "."', 'package = "."\nversion_pattern = "("'), "version_pattern: "),
    ],
)
def test_wrong_catalogue_is_told(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "greeting").mkdir()
    for name in ("go.mod", "go.sum"):
        (tmp_path / "greeting" / name).touch()
    file = tmp_path / "tools.toml"
    file.write_text(CATALOGUE)
    load_catalogue(file)
    file.write_text(CATALOGUE.replace(*change))
    with pytest.raises(ToolchainError) as caught:
        load_catalogue(file)
    assert message in caught.value.message


def test_unknown_tool_is_told() -> None:
    with pytest.raises(ToolchainError, match="unknown tool nonsense; known: buildctl, "):
        COMMITTED.select("up", ["nonsense"])


def test_companions_come_with_the_tool_that_they_stand_beside() -> None:
    names = {tool.name for tool in COMMITTED.select("up", ["pulumi"])}
    assert names == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }


@pytest.mark.parametrize(
    ("text", "serving", "not_serving"),
    [
        ("==1.34.1", ["1.34.1"], ["1.34.2", "1.34", "1.34.1-rc.1", ""]),
        (">=3.255,<4", ["3.255", "3.255.0", "3.300.1"], ["3.254.9", "4", "4.0.0"]),
        (">=1.9", ["1.9", "1.10.0", "2"], ["1.8.9", "dev", "v1.9"]),
    ],
)
def test_version_range(text: str, serving: list[str], not_serving: list[str]) -> None:
    versions = VersionRange.parse(text)
    assert [version for version in serving if not versions.contains(version)] == []
    assert [version for version in not_serving if versions.contains(version)] == []


# Grype itself wants a version that nobody has released.
AHEAD = {("grype", "google.golang.org/protobuf")}


@pytest.mark.parametrize(
    "module",
    [
        "golang.org/x/crypto",
        "golang.org/x/net",
        "golang.org/x/sys",
        "golang.org/x/text",
        "google.golang.org/grpc",
        "google.golang.org/protobuf",
    ],
)
def test_low_modules_are_at_one_version_so_that_they_are_compiled_once(module: str) -> None:
    pattern = re.compile(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", re.MULTILINE)
    versions = {
        name: pattern.findall((group.directory / "go.mod").read_text())
        for name, group in COMMITTED.groups.items()
        if not group.env  # another environment compiles everything anew anyway
        and (name, module) not in AHEAD
    }
    used = [found[0] for found in versions.values() if found]
    assert len(used) >= 2
    assert len(set(used)) == 1, versions
