// Package java stands in for a module that only SDK generation needs and that is not to be had.
package java

// PackageInfo holds what pulumi-docker-build sets for the generator of its Java SDK.
type PackageInfo struct {
	BuildFiles                      string            `json:"buildFiles,omitempty"`
	GradleNexusPublishPluginVersion string            `json:"gradleNexusPublishPluginVersion,omitempty"`
	Dependencies                    map[string]string `json:"dependencies,omitempty"`
}
