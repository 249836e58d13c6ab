"""What serves a model: ServiceAccount, configuration, Deployment and Service."""

import json

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.release import Release
from components.serving import (
    CALLERS_FOLDER,
    CALLERS_SECRET,
    CREDENTIALS_FOLDER,
    PORT,
    STORE_SECRET,
    Serving,
)
from mlifecycle.governance.objects.awaiting import PATCH_FORCE, SKIP_AWAIT, TIMEOUT
from mlifecycle.governance.objects.images import SCAN_EVIDENCE
from mlifecycle.stack.settings import StackSettings

CONTAINER = "inference"
LOCK = "mlifecycle.io/dependency-lock"
# The image's user `inference` (inference/Dockerfile).
USER = 10001
# The only folder of the container that can be written.
SCRATCH_FOLDER = "/tmp"  # noqa: S108
CALLERS_DIGEST = "mlifecycle.io/callers"
AZURE_IDENTITY = "azure.workload.identity/"
GRACE_SECONDS = 30
# How long a new pod must stay ready before an old one goes.
STEADY_SECONDS = 2
# Endpoints and proxies forget a pod later than it is told to end; until then it must answer.
DRAIN_SECONDS = 5


def service_account(
    release: Release, settings: StackSettings, options: pulumi.ResourceOptions
) -> core.ServiceAccount:
    """An identity of its own, without a token: the server asks the API for nothing. A cloud knows
    by its annotations whom it stands for.
    """
    metadata = release.metadata()
    metadata.annotations = dict(settings.workload_identity) or None
    return core.ServiceAccount(
        release.model,
        metadata=metadata,
        automount_service_account_token=False,
        opts=options,
    )


def service(release: Release, serving: Serving, options: pulumi.ResourceOptions) -> core.Service:
    """The model's address in the cluster: http on port 80, and gRPC on its own."""
    metadata = release.metadata()
    # The engine would wait for the pods behind it.
    metadata.annotations = {SKIP_AWAIT: "true"}
    return core.Service(
        release.model,
        metadata=metadata,
        spec=core.ServiceSpecArgs(
            type="ClusterIP",
            selector=release.selector(),
            ports=[
                core.ServicePortArgs(
                    name=name,
                    port=80 if port == PORT else port,
                    target_port=name,
                    # https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol
                    app_protocol="kubernetes.io/h2c" if name == "grpc" else None,
                )
                for name, port in serving.ports.items()
            ],
        ),
        opts=options,
    )


def deployment(
    release: Release,
    image: pulumi.Output[str],
    serving: Serving,
    settings: StackSettings,
    options: pulumi.ResourceOptions,
) -> kubernetes.apps.v1.Deployment:
    """The pods: updated without a gap, unprivileged, on a read-only file system."""
    # Not on the pods: another lock changes none of their bytes, and must not restart them.
    metadata = release.metadata()
    metadata.annotations = {
        LOCK: release.lock_digest,
        # Verification waits for it as long, and says why it does not become ready.
        SKIP_AWAIT: "true",
        TIMEOUT: str(settings.rollout_timeout_seconds),
        # Whoever rolls back with kubectl owns the image's field from then on: without this, no
        # later release would get past it.
        PATCH_FORCE: "true",
    }
    return kubernetes.apps.v1.Deployment(
        release.model,
        metadata=metadata,
        spec=kubernetes.apps.v1.DeploymentSpecArgs(
            min_ready_seconds=STEADY_SECONDS,
            revision_history_limit=10,
            progress_deadline_seconds=max(10, settings.rollout_timeout_seconds - 10),
            selector=meta.LabelSelectorArgs(match_labels=release.selector()),
            strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                    max_unavailable=0, max_surge=1
                ),
            ),
            template=core.PodTemplateSpecArgs(
                metadata=meta.ObjectMetaArgs(
                    labels=release.labels() | _identity_labels(settings),
                    annotations={
                        SCAN_EVIDENCE: image.apply(_scan_evidence),
                        # The server reads its keys once: others are a reason to start anew.
                        **({CALLERS_DIGEST: serving.callers_digest} if serving.callers else {}),
                    },
                ),
                spec=_pod(release, image, serving, settings),
            ),
        ),
        opts=options,
    )


def _identity_labels(settings: StackSettings) -> dict[str, str]:
    # https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
    is_azure = any(name.startswith(AZURE_IDENTITY) for name in settings.workload_identity)
    return {f"{AZURE_IDENTITY}use": "true"} if is_azure else {}


def _scan_evidence(image: str) -> str:
    """Which digest passed the gate: without its evidence there is no image to name."""
    return json.dumps({image.partition("@")[2]: "passed"})


def _pod(
    release: Release,
    image: pulumi.Input[str],
    serving: Serving,
    settings: StackSettings,
) -> core.PodSpecArgs:
    volumes = [
        core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="256Mi"))
    ]
    mounts = [core.VolumeMountArgs(name="tmp", mount_path=SCRATCH_FOLDER)]
    for suffix, folder, is_there in (
        (STORE_SECRET, CREDENTIALS_FOLDER, settings.model_store.is_keyed),
        (CALLERS_SECRET, CALLERS_FOLDER, serving.callers),
    ):
        if is_there:
            source = core.SecretVolumeSourceArgs(secret_name=f"{release.model}-{suffix}")
            volumes.append(core.VolumeArgs(name=suffix, secret=source))
            mounts.append(core.VolumeMountArgs(name=suffix, mount_path=folder, read_only=True))
    return core.PodSpecArgs(
        service_account_name=release.model,
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=GRACE_SECONDS,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        topology_spread_constraints=[
            core.TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key=key,
                when_unsatisfiable="ScheduleAnyway",
                label_selector=meta.LabelSelectorArgs(match_labels=release.selector()),
            )
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        containers=[_container(image, serving, mounts)],
        volumes=volumes,
    )


def _container(
    image: pulumi.Input[str],
    serving: Serving,
    mounts: list[core.VolumeMountArgs],
) -> core.ContainerArgs:
    return core.ContainerArgs(
        name=CONTAINER,
        image=image,
        ports=[
            core.ContainerPortArgs(name=name, container_port=port)
            for name, port in serving.ports.items()
        ],
        env=[
            core.EnvVarArgs(name=name, value=value)
            for name, value in sorted(serving.environment.items())
        ],
        resources=core.ResourceRequirementsArgs(
            requests={
                "cpu": serving.sizes.cpu_request,
                "memory": serving.sizes.memory,
                "ephemeral-storage": "64Mi",
            },
            limits={
                "cpu": serving.sizes.cpu_limit,
                "memory": serving.sizes.memory,
                "ephemeral-storage": "512Mi",
            },
        ),
        security_context=core.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"]),
        ),
        # Nothing answers before the model is loaded and proven, so start-up has its own time.
        startup_probe=_probe("/health", period=2, failures=60),
        readiness_probe=_probe("/ready", period=5, failures=3),
        liveness_probe=_probe("/health", period=10, failures=3),
        lifecycle=core.LifecycleArgs(
            pre_stop=core.LifecycleHandlerArgs(sleep=core.SleepActionArgs(seconds=DRAIN_SECONDS))
        ),
        volume_mounts=mounts,
    )


def _probe(path: str, *, period: int, failures: int) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period,
        timeout_seconds=min(2, period - 1),
        failure_threshold=failures,
    )
