"""What a server says last, its one line on standard error, and what that means."""

import re

from mlifecycle.release.observation import Diagnosis

# The workflow's own three, where a model cannot be had.
MODEL_ACTIONS = (
    "Verify model URI in manifest",
    "Check S3 bucket permissions",
    "Ensure model artifact exists",
)


# What the server's last line says (inference/app), and whether it can be otherwise the next time.
_LAST_WORDS: tuple[tuple[str, str, tuple[str, ...], bool], ...] = (
    (
        "^Model file not found at",
        "The model is not where its manifest says, or was taken away after the gate",
        MODEL_ACTIONS,
        True,
    ),
    (
        "digest mismatch at",
        "The model's files are not those that passed the gate",
        (
            "See who writes to the model store: a released artifact must not change",
            "Release once more: mlifecycle up gates what is there now",
        ),
        True,
    ),
    (
        "^Golden samples? ",
        "The model does not answer as its golden samples say",
        (
            "See that golden.json was made with this very model and these preprocessing steps",
            "Raise its tolerance where the difference is a matter of rounding",
        ),
        True,
    ),
    (
        "^Model store refuses access",
        "The pods may not read the model store",
        (
            "Check S3 bucket permissions, or the identity of the model's ServiceAccount",
            "See mlifecycle:modelStoreAccessKeyId, mlifecycle:modelStoreKey, workloadIdentity",
        ),
        False,
    ),
    (
        "^Model store can't deliver",
        "The pods do not reach the model store",
        (
            "See that mlifecycle:egress names the store's network and port",
            "See that the store is up: mlifecycle:modelStoreEndpoint",
        ),
        False,
    ),
    (
        "can't be loaded|can't predict|can't be served",
        "The server cannot serve the model",
        ("See that the model was saved by a version that the server's runtime reads",),
        True,
    ),
)


def crashed(status: str, log: str, code: int | None, restarts: int) -> Diagnosis:
    """Why a server ended.

    Args:
        status: the pod's.
        log: its last lines.
        code: its exit code.
        restarts: how often it was started again.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    words = lines[-1].strip() if lines else ""
    for pattern, cause, actions, is_final in _LAST_WORDS:
        if re.search(pattern, words):
            return Diagnosis(status, words, cause, actions, 0 if is_final or restarts > 1 else 20)
    error = words or f"the container ended with exit code {code} and said nothing"
    cause = f"The server ends by itself (exit code {code})"
    actions = (*MODEL_ACTIONS, "See all that it said: kubectl logs --previous")
    # It may have ended of something that passes.
    return Diagnosis(status, error, cause, actions, 0 if restarts > 1 else 30)
