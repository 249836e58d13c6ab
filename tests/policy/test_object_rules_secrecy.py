"""The rules that keep secrets out of what many can read."""

from base64 import b64encode
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided
from tests.policy.objects import (
    BOX,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)

# Put together here, so that no scanner takes this file's examples for secrets.
AWS_KEY = "AK" + "IA" + "ABCDEFGHIJKLMNOP"
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nxyz"
GITHUB = "gh" + "p_" + "a" * 36
SLACK = "xo" + "xb-" + "1234567890-abcdef"


# As evenly spread as a key's letters are.
KEY = b64encode(sha256(b"key").digest()).decode()
URL = "postgres://user:" + "hunter2" + "@db/x"
NAME = "has the name of a secret and a literal value"
RANDOM = "holds what looks like a random key"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("LOG_LEVEL", "debug", None),
        ("MAX_TOKENS", "512", None),
        ("TOKENIZER", "bert", None),
        ("PASSWORDLESS", "yes", None),
        ("KEY", "x", None),
        ("MLIFECYCLE_MODEL_STORE_CREDENTIALS", "/etc/mlifecycle/model-store", None),
        ("TOKEN_FILE", "run/token", None),
        ("BYPASS", "x", None),
        ("PASSWORD_PATH", "hunter2", NAME),
        ("PASSWORD", "/hunter2", NAME),
        ("PGPASSWORD", "x", NAME),
        ("dbpassword", "x", NAME),
        ("MYSQL_PWD", "x", NAME),
        ("DB_PASS", "x", NAME),
        ("SECRETKEY", "x", NAME),
        ("AUTHTOKEN", "x", NAME),
        ("ENCRYPTION_KEY", "correct horse", NAME),
        ("SIGNING_KEY", "x", NAME),
        ("JWT_KEY", "x", NAME),
        ("DB_PASSWORD", "$(FROM_SECRET)", None),
        ("OAUTH_TOKEN_URL", "https://idp.bank.example/oauth2/v1", None),
        ("EOS_TOKEN", "</s>", None),
        ("API_KEY_HEADER", "X-API-Key", None),
        ("SECRET_NAME", "fraud-db", None),
        ("app.yaml", 'password: "${DB_PASSWORD}"', None),
        ("app.yaml", 'password: ""', None),
        ("app.yaml", "token: null", None),
        ("app.yaml", "password: {{ .Env.PW }}", None),
        ("app.yaml", "max_token=5", None),
        ("app.yaml", "password: 5secret", "holds a password"),
        ("MAX_TOKEN", "512", None),
        ("MAX_TOKEN", "abc", NAME),
        ("TOKEN_LIMIT", "512", None),
        ("PASSWORD_MIN_LENGTH", "12", None),
        ("USE_SECRETS", "true", None),
        ("PASSWORD", "12", NAME),
        ("CONN", "Server=db;Password=hunter2;", "holds a password"),
        ("AUTHORIZATION", "Basic YWRtaW46aHVudGVyMg==", "holds a login"),
        ("X", "basic settings", None),
        ("AUTH", "Bearer hunter2hunter2", "holds a login"),
        ("X", "hf_" + "a" * 34, "holds an access token"),
        ("X", "sk-proj-" + "a" * 30, "holds an access token"),
        ("X", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0", "holds an access token"),
        ("app.yaml", "host: db\n  db.password: hunter2", "holds a password"),
        ("app.yaml", "host: db\npassword: $(PASSWORD)", None),
        ("x.json", '{"password": "hunter2secret"}', "holds a password"),
        ("x.json", '{"db":{"api_key":"' + "abcd" + 'efgh"}}', "holds a password"),
        ("x.yaml", "'password': 'hunter2secret'", "holds a password"),
        ("x.ini", "[default]\naws_secret_access_key = " + "abcd" * 3, "holds a password"),
        ("x.yaml", "api_key: " + "abcdef", "holds a password"),
        ("x.yaml", "passphrase: abc def", "holds a password"),
        ("x.xml", "<password>hunter2</password>", "holds a password"),
        ("CONFIG", '{"password":"hunter2"}', "holds a password"),
        ("tokenizer.json", '{"eos_token": "</s>", "pad_token": "PAD", "max_tokens": 512}', None),
        ("x.json", '{"password": "$(PASSWORD)", "token": null, "secret": ""}', None),
        ("x.yaml", "password: /run/secrets/db", None),
        ("x.yaml", "use_token: true", None),
        ("SECRET_PATH", "secrets/x", None),
        ("DB_PASSWORD", "", None),
        ("DB_PASSWORD", None, None),
        ("DB_PASSWORD", "x", NAME),
        ("DB_PASSWORD", 5, NAME),
        ("db.passwd", "x", NAME),
        ("clientSecret", "x", NAME),
        ("API_TOKEN", "x", NAME),
        ("apiKey", "x", NAME),
        ("X-API-Key", "x", NAME),
        ("APIKEY", "x", NAME),
        ("AWS_ACCESS_KEY_ID", "x", NAME),
        ("PRIVATE_KEY", "x", NAME),
        ("CREDENTIALS", "etc/x", NAME),
        ("CREDENTIALS", "/" + "a" * 39, NAME),
        ("PASSWORD_FILE_CONTENT", "x", NAME),
        ("X", AWS_KEY, "holds an AWS key id"),
        ("X", "key=" + AWS_KEY, "holds an AWS key id"),
        ("X", AWS_KEY + "Q", None),
        ("X", PEM, "holds a private key"),
        ("X", "-----BEGIN CERTIFICATE-----", None),
        ("X_FILE", GITHUB, "holds an access token"),
        ("X", SLACK, "holds an access token"),
        ("X", KEY, RANDOM),
        ("app.yaml", f"key: '{KEY}'", RANDOM),
        ("X", "sha256:" + "0123456789abcdef" * 4, None),
        ("X", "a-model-that-finds-fraudulent-transactions", None),
        ("X", "s3://models/fraud-detector/2.1.0/model.onnx", None),
        ("X", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", None),
        ("ca.crt", CERTIFICATE.format(KEY), None),
        ("ca.crt", CERTIFICATE.format(KEY) + KEY, RANDOM),
        ("X", URL, "holds a URL with a password"),
        ("X", "redis://:" + "pw@cache", "holds a URL with a password"),
        ("X", "https://user@host/a:b@c", None),
        ("X", "https://host:8080/x", None),
        ("X", "postgres://user:$(DB_PASSWORD)@db/x", None),
    ],
)
def test_no_literal_is_a_secret(name: str, value: Any, problem: str | None) -> None:
    env = changed("Deployment", ((*BOX, "env", 0), {"name": name, "value": value}))
    settings = changed("ConfigMap", (("data",), {name: value}))
    for stack, where in ((env, "container inference: env"), (settings, "data")):
        found = messages("sec-env-literal", stack)
        assert found == ([] if problem is None else [f"{where} {name} {problem}"])


def test_a_secret_is_refused_without_showing_it() -> None:
    stack = changed("Deployment", ((*BOX, "env", 0), {"name": "PASSWORD", "value": "hunter2"}))
    (objection,) = judged("sec-env-literal", stack)
    assert "hunter2" not in repr(objection)


@pytest.mark.parametrize("field", ["command", "args"])
def test_an_argument_is_no_secret(field: str) -> None:
    stack = changed("Deployment", ((*BOX, field), ["serve", "--password=hunter2"]))
    assert messages("sec-env-literal", stack) == [
        f"container inference: {field} 1 holds a password"
    ]
    behind = ["serve", "--token", "hunter2", "--verbose", "x"]
    assert messages("sec-env-literal", changed("Deployment", ((*BOX, field), behind))) == [
        f"container inference: {field} 2 {NAME}"
    ]
    sound = ["--port=80", "--log-level", "debug", "--token-file", "/run/token"]
    assert judged("sec-env-literal", changed("Deployment", ((*BOX, field), sound))) == []


def test_a_variable_from_a_secret_is_no_literal() -> None:
    source = {"secretKeyRef": {"name": "fraud", "key": "password"}}
    stack = changed("Deployment", ((*BOX, "env", 0), {"name": "PASSWORD", "valueFrom": source}))
    assert judged("sec-env-literal", stack) == []


def test_binary_data_is_data() -> None:
    """Base64 hides nothing, and what is no text is no secret that anybody could read out."""
    held = {
        "password": "aHVudGVyMg==",
        "config": b64encode(URL.encode()).decode(),
        "model": b64encode(Random(1).randbytes(5000)).decode(),
        "odd": "no base64!",
    }
    assert messages("sec-env-literal", changed("ConfigMap", (("binaryData",), held))) == [
        f"binaryData password {NAME}",
        "binaryData config holds a URL with a password",
    ]


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_a_secrets_data_is_encrypted_in_the_state(field: str) -> None:
    body = sound_stack()[place(sound_stack(), "Secret")]
    del body["stringData"]
    assert judged("sec-pulumi-secret", [body], secret=False) == []
    assert judged("sec-pulumi-secret", [body], secret=None) == []
    body[field] = {"key": "hunter2"}
    assert judged("sec-pulumi-secret", [body], secret=True) == []
    (objection,) = judged("sec-pulumi-secret", [body], secret=False)
    assert objection.message == f"{field} of Secret fraud is not encrypted in the state"
    assert "hunter2" not in repr(objection)
    with pytest.raises(NotDecided, match="whether the state encrypts"):
        judged("sec-pulumi-secret", [body], secret=None)
    body[field] = UNKNOWN
    assert judged("sec-pulumi-secret", [body], secret=True) == []
    with pytest.raises(NotDecided, match="not known before"):
        judged("sec-pulumi-secret", [body], secret=False)


@pytest.mark.parametrize(
    ("arguments", "index", "problem"),
    [
        (["curl", "-u", "ada:hunter2"], 2, "holds a login"),
        (["curl", "--user", "ada:$(PASSWORD)"], None, ""),
        (["chown", "-R", "ada:users"], None, ""),
        (["sh", "-c", "curl -u ada:hunter2 x"], 2, "holds a login in a command"),
        (["sh", "-c", "curl -u ada:$PASSWORD x"], None, ""),
        (["x", "--password", "hunter2"], 2, NAME),
    ],
)
@pytest.mark.parametrize(
    "field", ["command", "readinessProbe", "livenessProbe", "startupProbe", "postStart", "preStop"]
)
def test_no_command_of_a_container_holds_a_secret(
    field: str, arguments: list[str], index: int | None, problem: str
) -> None:
    start: tuple[str, ...] = ("lifecycle", field) if field.startswith("p") else (field,)
    path = start if field == "command" else (*start, "exec", "command")
    stack = changed("Deployment", ((*BOX, *path), arguments))
    message = f"container inference: {' '.join(path)} {index} {problem}"
    assert messages("sec-env-literal", stack) == ([] if index is None else [message])


def test_no_header_of_a_probe_holds_a_secret() -> None:
    headers = [
        {"name": "Authorization", "value": "Bearer " + "ABCDEF012345"},
        {"name": "X", "value": "y"},
    ]
    stack = changed(
        "Deployment",
        ((*BOX, "readinessProbe"), {"httpGet": {"port": 8080, "httpHeaders": headers}}),
    )
    assert messages("sec-env-literal", stack) == [
        "container inference: header Authorization holds a login"
    ]
