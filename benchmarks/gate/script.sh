#!/bin/bash
# What a pipeline by hand does for each model: build, then the same four scanners, one after the other.
# Arguments: BuildKit's address, base image, checkout, server, wheels and patches as the gate has them, caches of
# Trivy and Grype, a folder of release folders.
set -euo pipefail
builder=$1 base=$2 checkout=$3 server=$4 wheels=$5 patches=$6 trivy_cache=$7 grype_cache=$8 releases=$9
export GRYPE_DB_CACHE_DIR=$grype_cache GRYPE_DB_AUTO_UPDATE=false GRYPE_DB_VALIDATE_AGE=false
export GRYPE_CHECK_FOR_APP_UPDATE=false
work=$(mktemp -d)
trap 'status=$?; [ $status = 0 ] || cat "$work/log" >&2; rm -rf "$work"' EXIT
for release in "$releases"/*; do
  buildctl --addr "$builder" build --progress plain --frontend dockerfile.v0 \
    --local context="$server" --local dockerfile="$server" --opt platform=linux/amd64 \
    --local wheels="$wheels" --opt context:wheels=local:wheels \
    --local release="$release" --opt context:release=local:release \
    --local patches="$patches" --opt context:patches=local:patches \
    --opt build-arg:BASE_IMAGE="$base" --opt build-arg:SOURCE_DATE_EPOCH=0 \
    --output "type=oci,dest=$work/layout,tar=false" >"$work/log" 2>&1
  trivy image --input "$work/layout" --scanners vuln,secret --list-all-pkgs --format json \
    --cache-dir "$trivy_cache" --cache-backend memory --skip-db-update --skip-java-db-update \
    --skip-vex-repo-update --offline-scan --skip-version-check --disable-telemetry --quiet \
    --output "$work/trivy.json"
  trivy convert --format cyclonedx --output "$work/sbom.json" "$work/trivy.json" 2>>"$work/log"
  grype "sbom:$work/sbom.json" --output json --quiet >"$work/grype.json"
  (cd "$checkout" && gitleaks dir . --config mlifecycle/security/gitleaks.toml --max-decode-depth 3 \
    --max-archive-depth 3 --report-format json --report-path "$work/leaks.json" --redact --no-banner \
    --exit-code 0 --log-level error)
  "$checkout/.venv/bin/bandit" --recursive "$checkout/inference/app" --format json --quiet --exit-zero \
    --output "$work/bandit.json"
  rm -rf "$work/layout"
done
