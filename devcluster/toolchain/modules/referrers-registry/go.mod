module mlifecycle.io/devcluster/toolchain/referrers-registry

go 1.26

require github.com/google/go-containerregistry v0.20.7
