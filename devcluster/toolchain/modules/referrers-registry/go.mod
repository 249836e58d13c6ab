module mlifecycle.io/devcluster/toolchain/referrers-registry

go 1.26

require cuelabs.dev/go/oci/ociregistry v0.0.0-20250715075730-49cab49c8e9d

require (
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
)
