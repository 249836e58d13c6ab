"""The local platform's pure parts: addresses, composed stacks, and what a machine must have."""

import shutil
from collections import namedtuple
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from devcluster import local_stacks
from devcluster.errors import EnvironmentUnfit
from devcluster.platform import ingress, namespace, preflight
from devcluster.platform.certificates import ensure_certificates
from devcluster.platform.layout import Layout, layout_for, process_layout
from devcluster.platform.supervisor import render_configuration
from mlifecycle.stack.settings import SECRETS, SettingsError, read_settings

LAYOUT = Layout("mlifecycle", Path("/cache"), Path("/state"), IPv4Network("10.203.0.0/22"))


def test_addresses_follow_from_the_network() -> None:
    assert LAYOUT.registry == "10.203.0.2:5000"
    assert LAYOUT.object_store == "http://10.203.0.2:9000"
    assert LAYOUT.api_server == "https://10.203.0.2:6443"
    assert str(LAYOUT.pod_network) == "10.203.1.0/24"
    assert str(LAYOUT.service_network) == "10.203.2.0/24"
    assert str(LAYOUT.dns_ip) == "10.203.2.10"


def test_folders_and_network_follow_the_environment() -> None:
    layout = layout_for(
        {
            "HOME": "/home/u",
            "XDG_CACHE_HOME": "/c",
            "XDG_STATE_HOME": "/s",
            "MLIFECYCLE_NETWORK": "10.9.0.0/22",
        }
    )
    assert layout.cache == Path("/c/mlifecycle")
    assert layout.state == Path("/s/mlifecycle/mlifecycle")
    assert str(layout.node_ip) == "10.9.0.2"
    assert layout_for({"HOME": "/home/u"}).state == Path(
        "/home/u/.local/state/mlifecycle/mlifecycle"
    )


@pytest.mark.parametrize("network", ["10.0.0.0/24", "10.0.0.1/22", "nonsense", "fd00::/22"])
def test_an_unusable_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match=r"^MLIFECYCLE_NETWORK must be an IPv4 /22"):
        layout_for({"HOME": "/h", "MLIFECYCLE_NETWORK": network})


@pytest.mark.parametrize("name", ["../up", "a/b", ".", "A", "x" * 32])
def test_a_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="MLIFECYCLE_PLATFORM must match"):
        layout_for({"HOME": "/h", "MLIFECYCLE_PLATFORM": name})


@pytest.mark.parametrize("stack", local_stacks.STACKS)
def test_a_local_stack_differs_from_the_committed_one_in_the_local_keys_only(
    stack: str, tmp_path: Path
) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        yaml.safe_dump(
            {"encryptionsalt": "v1:x", "config": dict.fromkeys(local_stacks.SECRET_KEYS, "kept")}
        )
    )
    local_stacks.compose_stack(stack, path, local_stacks.local_values(LAYOUT))
    composed = yaml.safe_load(path.read_text())
    committed = yaml.safe_load((local_stacks.CHECKOUT / f"Pulumi.{stack}.yaml").read_text())
    changed = {
        key
        for key in committed["config"] | composed["config"]
        if committed["config"].get(key) != composed["config"].get(key)
    }
    assert changed == {*local_stacks.LOCAL_KEYS, *local_stacks.SECRET_KEYS}
    assert composed.keys() - committed.keys() == {"encryptionsalt"}


def test_two_platforms_never_share_an_interface() -> None:
    names = (
        "mlifecycle",
        "mlifecycle-own",
        "mlifecycle-test",
        "exam-platform-a",
        "exam-platform-b",
    )
    interfaces = {
        Layout(name, LAYOUT.cache, LAYOUT.state, LAYOUT.network).host_interface for name in names
    }
    assert len(interfaces) == len(names)
    assert all(len(interface) <= 15 for interface in interfaces)


def test_a_platform_keeps_its_addresses_until_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("MLIFECYCLE_PLATFORM", "other")
    monkeypatch.delenv("MLIFECYCLE_NETWORK", raising=False)
    started = replace(process_layout(), network=IPv4Network("10.9.0.0/22"))
    started.state.mkdir(parents=True)
    started.network_file.write_text(str(started.network))
    assert process_layout() == started
    monkeypatch.setenv("MLIFECYCLE_NETWORK", "10.9.0.0/22")
    assert process_layout() == started
    monkeypatch.setenv("MLIFECYCLE_NETWORK", "10.8.0.0/22")
    with pytest.raises(
        EnvironmentUnfit, match=r"other was started on 10\.9\.0\.0/22, not on 10\.8"
    ):
        process_layout()


def test_a_route_that_leads_nowhere_takes_its_addresses_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routes = '[{"type": "blackhole", "dst": "10.203.1.0/24", "flags": []}]'
    monkeypatch.setattr(namespace, "_run", lambda *_: routes)
    with pytest.raises(
        EnvironmentUnfit, match=r"is taken: route 10\.203\.1\.0/24 of type blackhole"
    ):
        namespace.refuse_taken_network(LAYOUT)


def test_stacks_that_run_another_checkout_say_which(tmp_path: Path) -> None:
    layout = Layout("mlifecycle", tmp_path / "c", tmp_path / "s", LAYOUT.network)
    assert local_stacks.other_checkout(layout) is None
    project = local_stacks.project_folder(layout) / "Pulumi.yaml"
    project.parent.mkdir(parents=True)
    project.write_text(yaml.safe_dump({"main": str(local_stacks.CHECKOUT)}))
    assert local_stacks.other_checkout(layout) is None
    project.write_text(yaml.safe_dump({"main": "/elsewhere"}))
    assert local_stacks.other_checkout(layout) == "/elsewhere"


def test_production_as_committed_accepts_public_sources_only() -> None:
    config = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    assert config["mlifecycle:baseImage"].startswith("docker.io/library/python:3.11-slim")
    assert config["mlifecycle:trivyDatabase"].startswith("ghcr.io/aquasecurity/")
    assert config["mlifecycle:grypeDatabase"].startswith("https://grype.anchore.io/")
    assert config["mlifecycle:registry"].startswith("ghcr.io/")


@pytest.mark.parametrize("stack", local_stacks.STACKS)
def test_the_committed_settings_can_be_read(stack: str) -> None:
    """The local platform puts values of its own over some of them, and would hide a mistake."""
    file = local_stacks.CHECKOUT / f"Pulumi.{stack}.yaml"
    config = yaml.safe_load(file.read_text())["config"]
    settings = read_settings(stack, lambda key: config.get(f"mlifecycle:{key}"), lambda _: True)
    assert settings.egress[0].port == 443


def test_every_key_of_a_stack_is_described_and_typed() -> None:
    project = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.yaml").read_text())["config"]
    for key, declared in project.items():
        assert declared["description"], key
        assert declared["type"], key
    for stack in local_stacks.STACKS:
        path = local_stacks.CHECKOUT / f"Pulumi.{stack}.yaml"
        keys = {
            key.removeprefix("mlifecycle:") for key in yaml.safe_load(path.read_text())["config"]
        }
        assert keys <= project.keys()
        required = {key for key, declared in project.items() if "default" not in declared}
        assert required <= keys


def test_every_configuration_file_is_rendered_whole(tmp_path: Path) -> None:
    layout = Layout("mlifecycle", tmp_path / "c", tmp_path / "s", LAYOUT.network)
    names = ("bin_dir", "debs", "mlflow")
    folders = {name: tmp_path / name for name in names}
    values = layout.substitutions(**folders, authority=b"x")
    render_configuration(layout, values)
    rendered = [path for path in (layout.state / "config").rglob("*") if path.is_file()]
    assert layout.state / "config" / "cni" / "10-pods.conflist" in rendered
    for path in rendered:
        assert "${" not in path.read_text(), path


def test_certificates_that_are_there_stay_and_what_is_missing_is_made(tmp_path: Path) -> None:
    """The state of an older version, or of one whose hosts have changed, is completed."""
    layout = Layout("mlifecycle", tmp_path / "c", tmp_path / "s", LAYOUT.network)
    folder = layout.state / "certificates"
    ensure_certificates(layout, ["*.old.example.com"])
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "front-proxy-client.crt").unlink()
    ensure_certificates(layout, ["*.models.example.com"])
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    changed = {name.split(".")[0] for name in before if before[name] != after[name]}
    assert changed == {"ingress", "front-proxy-client"}
    authority = x509.load_pem_x509_certificate(after["ca.crt"])
    for name in changed:
        x509.load_pem_x509_certificate(after[f"{name}.crt"]).verify_directly_issued_by(authority)


def test_the_ingress_answers_for_the_hosts_of_every_committed_stack() -> None:
    assert ingress.hosts() == ["*.dev.models.example.com", "*.models.example.com"]


def test_a_full_disk_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1024**3))
    with pytest.raises(EnvironmentUnfit, match=r"has 1\.0 GiB free, .* needs 6 GiB: free some"):
        preflight.check(LAYOUT)


def test_a_user_who_is_not_root_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EnvironmentUnfit, match=r"needs root .*docs/existing-platform.md"):
        preflight.check(LAYOUT)


def test_a_state_folder_too_long_for_a_socket_is_refused() -> None:
    layout = Layout("mlifecycle", Path("/cache"), Path("/" + "x" * 99), LAYOUT.network)
    with pytest.raises(EnvironmentUnfit, match="too long for a socket"):
        preflight.check(layout)


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_in_plain_text_is_refused_without_being_shown(key: str) -> None:
    committed = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    config = {**committed, f"mlifecycle:{key}": "hunter2"}
    with pytest.raises(SettingsError, match=f"mlifecycle:{key}: is a secret") as refusal:
        read_settings("prod", lambda name: config.get(f"mlifecycle:{name}"), lambda _: False)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["hunter2", ["hunter2"], '{"m": "hunter2"}', '{"m": ["hunter2"]}', '{"m": [7]}']
)
def test_keys_of_callers_that_are_none_are_refused_without_being_shown(text: Any) -> None:
    committed = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    config = {**committed, "mlifecycle:apiKeys": text}
    with pytest.raises(SettingsError, match="mlifecycle:apiKeys: ") as refusal:
        read_settings("prod", lambda name: config.get(f"mlifecycle:{name}"), lambda _: True)
    assert "hunter2" not in str(refusal.value)


def test_whom_a_stack_tells_it_has_a_channel_for() -> None:
    committed = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]

    def read(channels: str, *told: str) -> Any:
        own = {"mlifecycle:notifyChannels": channels, "mlifecycle:notify": list(told)}
        config = {**committed, **own}
        return read_settings(
            "prod", lambda name: config.get(f"mlifecycle:{name}"), lambda _: True
        ).notify_channels

    channels = '{"on-call": ["json://hunter2"]}'
    assert read(channels, "on-call") == {"on-call": ("json://hunter2",)}
    for wrong, told in ((channels, "on-cal"), ("", "on-call"), ('{"on-call": "hunter2"}', "x")):
        with pytest.raises(SettingsError, match="mlifecycle:notifyChannels: ") as refusal:
            read(wrong, told)
        assert "hunter2" not in str(refusal.value)


def test_an_identity_of_the_cloud_is_an_annotation() -> None:
    committed = yaml.safe_load((local_stacks.CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]

    def read(*given: str) -> Any:
        config = {**committed, "mlifecycle:workloadIdentity": list(given)}
        return read_settings(
            "prod", lambda name: config.get(f"mlifecycle:{name}"), lambda _: True
        ).workload_identity

    role = "arn:aws:iam::1:role/models=x"
    assert read(f"eks.amazonaws.com/role-arn={role}") == {"eks.amazonaws.com/role-arn": role}
    for wrong in ("role-arn=x", "eks.amazonaws.com/role-arn", "eks.amazonaws.com/role-arn="):
        with pytest.raises(SettingsError, match=r"workloadIdentity: .* is not an annotation"):
            read(wrong)
