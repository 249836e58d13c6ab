"""What is built, when, and that nothing but a whole and right binary is ever used. Real Go
builds of a tiny module.
"""

import json
import os
import re
from pathlib import Path

from tests.unit.toolchain.workbench import Workbench, run


def test_missing_tool_is_built_linked_and_runs(workbench: Workbench) -> None:
    outcome = workbench.run()
    assert outcome.returncode == 0, outcome.stderr
    assert re.search(r"^greeter +1\.2\.3 +built", outcome.stdout, re.MULTILINE)
    bin_dir = Path(outcome.stdout.splitlines()[-1])
    assert run(bin_dir / "greeter") == "greeter v1.2.3\n"


def test_progress_says_what_is_built_how_far_and_how_long(workbench: Workbench) -> None:
    lines = workbench.run().stdout.splitlines()
    assert lines[0].startswith("1 to build, 0 from PATH; about 1 min if nothing is downloaded")
    assert lines[1] == "[1/1] greeter 1.2.3: building (about 4 s, 0 of 0 min done)"
    assert re.fullmatch(r"\[1/1\] greeter 1\.2\.3: built in \d+ s", lines[2])


def test_second_run_builds_nothing(workbench: Workbench) -> None:
    workbench.run()
    [built] = workbench.built
    before = built.stat()
    outcome = workbench.run()
    assert "building" not in outcome.stdout
    assert re.search(r"^greeter +1\.2\.3 +cached", outcome.stdout, re.MULTILINE)
    assert built.stat().st_mtime_ns == before.st_mtime_ns


def test_checkout_is_not_written_to(workbench: Workbench) -> None:
    def state() -> list[tuple[str, int]]:
        return sorted(
            (str(p), p.stat().st_mtime_ns) for p in workbench.folder.glob("greeting/**/*")
        )

    before = state()
    assert workbench.run().returncode == 0
    assert state() == before


def test_changed_source_is_another_key_and_the_old_one_stays(workbench: Workbench) -> None:
    workbench.run()
    main = workbench.module / "main.go"
    main.write_text(main.read_text().replace("greeter v", "hello from greeter v"))
    outcome = workbench.run()
    assert "building" in outcome.stdout
    assert len(workbench.built) == 2
    bin_dir = Path(outcome.stdout.splitlines()[-1])
    assert run(bin_dir / "greeter") == "hello from greeter v1.2.3\n"


def test_changed_linker_flags_are_another_key(workbench: Workbench) -> None:
    workbench.run()
    workbench.catalogue.write_text(workbench.catalogue.read_text().replace("1.2.3", "1.2.4"))
    assert re.search(r"^greeter +1\.2\.4 +built", workbench.run().stdout, re.MULTILINE)


def test_changed_estimate_and_purposes_build_nothing(workbench: Workbench) -> None:
    workbench.run()
    toml = workbench.catalogue.read_text().replace("build_seconds = 4", "build_seconds = 5")
    workbench.catalogue.write_text(toml.replace('["up"]', '["up", "test-full"]'))
    assert "building" not in workbench.run().stdout


def test_truncated_binary_is_built_again(workbench: Workbench) -> None:
    bin_dir = Path(workbench.run().stdout.splitlines()[-1])
    [built] = workbench.built
    with built.open("r+b") as file:
        file.truncate(1000)
    outcome = workbench.run()
    assert re.search(r"^greeter +1\.2\.3 +built", outcome.stdout, re.MULTILINE)
    # The bin folder holds a link to the file: it must be the new one there as well.
    assert run(bin_dir / "greeter") == "greeter v1.2.3\n"


def test_binary_with_other_bytes_of_the_same_size_is_built_again(workbench: Workbench) -> None:
    workbench.run()
    [built] = workbench.built
    content = bytearray(built.read_bytes())
    content[-1] ^= 0xFF
    built.write_bytes(content)
    assert re.search(r"^greeter +1\.2\.3 +built", workbench.run().stdout, re.MULTILINE)


def test_binary_without_record_is_built_again(workbench: Workbench) -> None:
    workbench.run()
    [record] = workbench.tools.glob("greeting-*/records/greeter.json")
    record.unlink()
    assert "building" in workbench.run().stdout


def test_binary_that_lost_its_executable_bit_is_built_again(workbench: Workbench) -> None:
    workbench.run()
    [built] = workbench.built
    built.chmod(0o644)
    assert "building" in workbench.run().stdout


def test_touched_binary_still_serves(workbench: Workbench) -> None:
    """As in a cache that was copied or restored: the content is what counts."""
    workbench.run()
    [built] = workbench.built
    os.utime(built)
    assert "building" not in workbench.run().stdout


def test_binary_that_is_not_what_its_recipe_says_is_never_put_in_place(
    workbench: Workbench,
) -> None:
    toml = workbench.catalogue.read_text().replace('ldflags = "-X main.version={version}"', "")
    workbench.catalogue.write_text(toml)
    main = workbench.module / "main.go"
    main.write_text(main.read_text().replace('"dev"', '"1.2.2"'))
    outcome = workbench.run()
    assert outcome.returncode == 1
    assert "greeter was built but says 1.2.2 instead of 1.2.3" in outcome.stderr
    assert workbench.built == []


def test_failed_build_shows_the_compiler_and_names_the_log(workbench: Workbench) -> None:
    (workbench.module / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    outcome = workbench.run()
    assert outcome.returncode == 1
    assert "undefined: undefinedName" in outcome.stderr
    [log] = re.findall(r"The whole log: (.*)", outcome.stderr)
    assert "undefined: undefinedName" in Path(log).read_text()
    assert workbench.built == []
    assert list(workbench.tools.glob("greeting-*/.build-*")) == []


def test_foreign_go_settings_do_not_reach_the_build(workbench: Workbench) -> None:
    workbench.environ |= {"GOFLAGS": "-nonsense", "GOARCH": "wasm", "CGO_ENABLED": "1"}
    assert workbench.run().returncode == 0


def test_module_that_go_sum_vouches_for_is_downloaded_and_built(workbench: Workbench) -> None:
    unpacked = workbench.require_published()
    outcome = workbench.run()
    assert outcome.returncode == 0, outcome.stderr
    assert unpacked.is_dir()


def test_missing_go_sum_entry_stops_the_build(workbench: Workbench) -> None:
    """go.sum is what verifies the modules: a build never adds to it."""
    workbench.require_published()
    (workbench.module / "go.sum").write_text("")
    outcome = workbench.run()
    assert outcome.returncode == 1
    assert "missing go.sum entry" in outcome.stderr


def test_module_with_another_hash_than_go_sum_stops_the_build(workbench: Workbench) -> None:
    workbench.require_published()
    go_sum = workbench.module / "go.sum"
    go_sum.write_text(go_sum.read_text().replace("v1.0.0 h1:", "v1.0.0 h1:AAAA"))
    outcome = workbench.run()
    assert outcome.returncode == 1
    assert "checksum mismatch" in outcome.stderr


def test_script_is_taken_from_its_module_and_put_beside(workbench: Workbench) -> None:
    digest = workbench.publish("package published\n")
    _add_script(workbench, digest)
    outcome = workbench.run()
    assert outcome.returncode == 0, outcome.stderr
    bin_dir = Path(outcome.stdout.splitlines()[-1])
    assert run(bin_dir / "greeter-exec") == "hello\n"


def test_script_of_a_module_with_another_hash_is_not_used(workbench: Workbench) -> None:
    digest = workbench.publish("package published\n")
    _add_script(workbench, "h1:" + "A" * 43 + "=")
    outcome = workbench.run()
    assert outcome.returncode == 1
    assert f"has the hash {digest} instead of h1:AAA" in outcome.stderr
    assert list(workbench.tools.glob("*/bin/greeter-exec")) == []


def test_generated_file_is_embedded_with_its_keys_set(workbench: Workbench) -> None:
    digest = workbench.publish("package published\n")
    workbench.catalogue.write_text(
        workbench.catalogue.read_text()
        + f"""
[groups.greeting.generated."embedded.json"]
from = "example.test/published@v1.0.0"
sum = "{digest}"
path = "schema.json"
set = {{ version = "4.5.6" }}
"""
    )
    main = workbench.module / "main.go"
    text = main.read_text().replace('"os"', '"os"\nimport _ "embed"\n\n//go:embed embedded.json')
    main.write_text(text.replace("\nvar version", "var embedded string\nvar version") + "\n")
    main.write_text(main.read_text().replace('version + "\\n"', 'version + embedded + "\\n"'))
    outcome = workbench.run()
    assert outcome.returncode == 0, outcome.stderr
    bin_dir = Path(outcome.stdout.splitlines()[-1])
    printed = run(bin_dir / "greeter")
    assert json.loads(printed.removeprefix("greeter v1.2.3")) == {"name": "x", "version": "4.5.6"}
    assert not (workbench.module / "embedded.json").exists()


def _add_script(workbench: Workbench, digest: str) -> None:
    workbench.catalogue.write_text(
        workbench.catalogue.read_text()
        + f"""
[tools.greeter-exec]
group = "greeting"
version = "1.2.3"
beside = "greeter"
used_by = ["up"]

[tools.greeter-exec.script]
from = "example.test/published@v1.0.0"
sum = "{digest}"
path = "run.sh"
"""
    )
