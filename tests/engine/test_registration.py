"""The model registry: a real MLflow server, and what it knows after releases and returns."""

import secrets
from dataclasses import replace
from typing import Any

import pytest

from mlifecycle.release.registration import Registration, record, register
from mlifecycle.tracking import TrackingError, client_of
from tests.sandbox import Platform

PLACE = "s3://mlifecycle-models/fraud-detector/v2.1.0"


@pytest.fixture
def first() -> Registration:
    return released(f"model-{secrets.token_hex(4)}", "2.0.0", "1")


def released(name: str, version: str, digest: str, stack: str = "prod") -> Registration:
    environment = "production" if stack == "prod" else "development"
    told = record(name, version, "pytorch", environment, "2025-01-02T12:00:00Z")
    image = f"registry/{name}/inference-service:{version}@sha256:{digest * 64}"
    return Registration(stack, told, PLACE, f"sha256:{digest * 64}", image)


def test_the_record_is_as_the_workflow_prints_it() -> None:
    told = record("fraud-detector", "2.1.0", "pytorch", "production", "2025-01-02T12:00:00Z")
    assert told == {
        "model_name": "fraud-detector",
        "version": "2.1.0",
        "framework": "pytorch",
        "environment": "production",
        "deployed_at": "2025-01-02T12:00:00Z",
        "endpoints": {
            "health": "/health",
            "ready": "/ready",
            "predict": "/predict",
            "metrics": "/metrics",
        },
    }


def test_aliases_follow_releases_and_returns(platform: Platform, first: Registration) -> None:
    server = platform.layout.tracking
    client = client_of(server)

    def champions() -> dict[str, Any]:
        versions = client.get_registered_model(first.model).aliases
        return {
            alias: client.get_model_version(first.model, number).tags["version"]
            for alias, number in versions.items()
        }

    second = released(first.model, "2.1.0", "2")
    assert register(first, server)
    assert champions() == {"champion": "2.0.0"}
    assert register(second, server)
    assert champions() == {"champion": "2.1.0", "previous": "2.0.0"}
    assert not register(second, server), "the same once more changes nothing"
    assert register(first, server)
    assert champions() == {"champion": "2.0.0", "previous": "2.1.0"}
    assert register(released(first.model, "2.1.0", "2", "dev"), server)
    assert champions()["champion-dev"] == "2.1.0"
    assert len(client.search_model_versions(f"name='{first.model}'")) == 2


def test_a_version_says_where_it_runs_and_from_what(
    platform: Platform, first: Registration
) -> None:
    server = platform.layout.tracking
    register(first, server)
    register(replace(first, stack="blue"), server)
    (version,) = client_of(server).search_model_versions(f"name='{first.model}'")
    assert version.source == PLACE
    assert version.tags == {
        "version": "2.0.0",
        "artifact_digest": first.artifact_digest,
        "framework": "pytorch",
        "prod.environment": "production",
        "prod.deployed_at": "2025-01-02T12:00:00Z",
        "prod.image": first.image,
        "blue.environment": "production",
        "blue.deployed_at": "2025-01-02T12:00:00Z",
        "blue.image": first.image,
    }


def test_the_same_version_of_another_model_file_is_another_entry(
    platform: Platform, first: Registration
) -> None:
    server = platform.layout.tracking
    register(first, server)
    register(replace(first, artifact_digest=f"sha256:{'9' * 64}"), server)
    assert len(client_of(server).search_model_versions(f"name='{first.model}'")) == 2


@pytest.mark.parametrize("at", ["create_model_version", "set_registered_model_alias"])
def test_what_a_kill_has_cut_short_the_next_run_ends(
    platform: Platform, first: Registration, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    server = platform.layout.tracking
    register(first, server)
    second = released(first.model, "2.1.0", "2")

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"mlflow.MlflowClient.{at}", die)
        with pytest.raises(Killed):
            register(second, server)
    assert register(second, server)
    client = client_of(server)
    aliases = client.get_registered_model(first.model).aliases
    found = {alias: client.get_model_version(first.model, n) for alias, n in aliases.items()}
    assert {alias: item.tags["version"] for alias, item in found.items()} == {
        "champion": "2.1.0",
        "previous": "2.0.0",
    }


def test_a_server_that_does_not_answer_is_named(first: Registration) -> None:
    with pytest.raises(TrackingError, match=r"^http://127\.0\.0\.1:1 answers: "):
        register(first, "http://127.0.0.1:1")
