"""Rules that keep secrets out of what many can read."""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    Container,
    KubernetesObject,
    containers_of,
)
from mlifecycle.governance.objects.values import entries, known, section, sections, shown, text
from mlifecycle.governance.rule import Objection, Path, Rule, Terms, Unreadable

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = re.compile(
    r"\b\w*(passwords?|passwd|passphrase|secret|token|credentials?"
    r"|(api|access|private|secret|encryption|signing|jwt|hmac|master) ?key)\b"
    r"|\b(secrets|pass|pwd)\b"
)
# Names of limits and switches, whose values are numbers, and yes or no.
_COUNTING = re.compile(
    r"\b(max|min|num|number|limit|length|count|size|ttl|timeout|seconds|days|use|enabled?|has|is)\b"
)
# Names of what is about a secret, and of the words that language models call tokens.
_ABOUT = re.compile(
    r" (url|uri|header|name|policy|threshold|endpoint|issuer|audience|type)$"
    r"|^(eos|bos|pad|unk|cls|sep|mask|stop) token$"
)
_REFERENCE = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_.-]*\)")
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z0-9_.-]*")
# curl's and others' way to give a name and a password.
_LOGIN_OPTIONS = ("u", "user", "proxy-user")
_LOGIN = re.compile(r"[^\s:$]+:(?!\$)\S+")
_NUMBER_OR_SWITCH = re.compile(r"(?i)[0-9]{1,9}|true|false|yes|no|on|off")
_PATH_NAMES = re.compile(r"[_.-](file|path)$", re.IGNORECASE)
# Segments short enough not to be base64 that begins with a slash.
_ABSOLUTE_PATH = re.compile(r"(/[A-Za-z0-9._-]{1,32}){2,}/?")
# A key of a file of settings, in JSON, YAML, INI and the like.
_KEY_NAME = (
    r"[\w.-]*(?:password|passwd|pwd|passphrase|secret|token|credentials?"
    r"|(?:api|access|secret|private)[_-]?key)"
)
# What tokenizers of language models call so.
_OF_TOKENIZERS = r"(?:eos|bos|pad|unk|cls|sep|mask|stop)_token"
_SECRET_VALUES: Mapping[str, re.Pattern[str]] = {
    "an AWS key id": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY"),
    # `$(NAME)` stands for another variable, which may come from a Secret.
    "a URL with a password": re.compile(r"://[^/\s:@]*:(?!\$\()[^/\s@]+@"),
    "an access token": re.compile(
        r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{10,}"
        r"|sk-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,})"
    ),
    "a password": re.compile(
        rf"(?im)(?:^|[;,?&\s{{\"'(]|--)(?!{_OF_TOKENIZERS}){_KEY_NAME}[\"']?\s*[:=]"
        r"\s*(?![\"']?\$|[\"']{2}|[\"']?(null|none|true|false)\b|[\"']?[\[{<]"
        r"|[\"']?[0-9]+[\"']?\s*[,;}]?\s*$|[\"']?(/[\w.-]+){2,})[^\s]"
        rf"|<{_KEY_NAME}>[^<$\s]+<"
    ),
    "a login in a command": re.compile(
        r"\s(-u|--user|--proxy-user)[ =]?[\"']?[^\s:$\"']+:(?!\$)\S"
    ),
    "a login": re.compile(r"^([Bb]asic|[Bb]earer) (?=\S*[A-Z0-9])[A-Za-z0-9+/._-]{8,}={0,2}$"),
}

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
# Letters of base64, of both kinds, in words long enough to be a key. Digests are of fewer letters.
_TOKEN = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{20,}={0,2}")
_RANDOM_BITS = 4.5


def _check_literals(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    """Names are shown, values never are."""
    for container in containers_of(item):
        for index, variable in enumerate(sections(container.body, "env")):
            name = text(variable, "name")
            if problem := _secrecy(name, variable.get("value")):
                message = f"{container}: env {shown(name)} {problem}"
                yield Objection(message, None, (*container.path, "env", index))
        for path, arguments in _commands(container.body):
            yield from _check_arguments(container, path, arguments)
        for path, header in _headers(container.body):
            if problem := _secrecy(text(header, "name"), header.get("value")):
                message = f"{container}: header {shown(header.get('name'))} {problem}"
                yield Objection(message, None, (*container.path, *path))
    if item.is_a("ConfigMap"):
        for field in ("data", "binaryData"):
            for name, value in section(item.body, field).items():
                words = _decoded(value) if field == "binaryData" else value
                if problem := _secrecy(name, words):
                    yield Objection(f"{field} {shown(name)} {problem}", None, (field, name))


def _commands(body: Mapping[str, Any]) -> Iterator[tuple[Path, Sequence[Any]]]:
    """What a container runs: to serve, and to be asked and told by the node."""
    for field in ("command", "args"):
        yield (field,), entries(body, field)
    for path, handler in _handlers(body):
        yield (*path, "exec", "command"), entries(section(handler, "exec"), "command")


def _headers(body: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path, handler in _handlers(body):
        for index, header in enumerate(sections(section(handler, "httpGet"), "httpHeaders")):
            yield (*path, "httpGet", "httpHeaders", index), header


def _handlers(body: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        yield (probe,), section(body, probe)
    for hook in ("postStart", "preStop"):
        yield ("lifecycle", hook), section(section(body, "lifecycle"), hook)


def _check_arguments(
    container: Container, path: Path, arguments: Sequence[Any]
) -> Iterator[Objection]:
    option = ""
    for index, argument in enumerate(arguments):
        words = str(known(argument))
        is_login = option in _LOGIN_OPTIONS and _LOGIN.fullmatch(words)
        if problem := _secrecy(option, argument) or ("holds a login" if is_login else ""):
            message = f"{container}: {' '.join(map(str, path))} {index} {problem}"
            yield Objection(message, None, (*container.path, *path, index))
        # An option's value may stand behind it.
        option = words.lstrip("-") if _OPTION.fullmatch(words) else ""


def _decoded(value: Any) -> Any:
    """What binary data says, as far as it is text; what is no base64 as it is."""
    try:
        return base64.b64decode(str(known(value)), validate=True).decode("latin-1")
    except ValueError:
        return value


def _secrecy(name: str, value: Any) -> str:
    """Why a value looks as if it were secret; empty where it does not."""
    value = known(value)
    if not value:
        return ""
    words = str(value)
    for kind, pattern in _SECRET_VALUES.items():
        if pattern.search(words):
            return f"holds {kind}"
    if any(map(_is_random, _TOKEN.findall(_CERTIFICATE.sub("", words)))):
        return "holds what looks like a random key"
    segments = " ".join(_WORD.findall(name)).lower()
    is_path = _ABSOLUTE_PATH.fullmatch(words) or (_PATH_NAMES.search(name) and "/" in words)
    is_number = _COUNTING.search(segments) and _NUMBER_OR_SWITCH.fullmatch(words)
    # `$(NAME)` is another variable's value.
    is_other = _REFERENCE.fullmatch(words) or _ABOUT.search(segments)
    if _SECRET_WORDS.search(segments) and not (is_path or is_number or is_other):
        return "has the name of a secret and a literal value"
    return ""


def _is_random(token: str) -> bool:
    """Whether its letters are as evenly spread as a key's (detect-secrets' base64 plugin)."""
    counts = Counter(token).values()
    entropy = -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
    return entropy > _RANDOM_BITS


def _check_secret_state(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if not item.is_a("Secret") or item.secret:
        return
    for field in ("data", "stringData"):
        if section(item.body, field):
            if item.secret is None:
                raise Unreadable("whether the state encrypts a Secret can't be seen here")
            message = f"{field} of Secret {shown(item.name)} is not encrypted in the state"
            yield Objection(message, None, (field,))


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="sec-env-literal",
        title="No secret stands in an environment variable or a ConfigMap",
        check=_check_literals,
        reason="Whoever may read the object or the stack's state reads the secret",
        remediation="Put the value into a Secret and mount it as a file",
        frameworks=("CIS Kubernetes 1.12: 5.4.1", "KSV-0109"),
    ),
    Rule(
        id="sec-pulumi-secret",
        title="A Secret's data is encrypted in the state",
        check=_check_secret_state,
        reason="The state is a file that many can read",
        remediation="Wrap the data in pulumi.Output.secret",
        frameworks=("CIS Kubernetes 1.12: 5.4.1",),
    ),
)
