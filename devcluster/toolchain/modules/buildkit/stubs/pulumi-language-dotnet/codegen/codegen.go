// Package codegen stands in for a module that only SDK generation needs and that is not to be had.
package codegen

// CSharpPackageInfo holds what pulumi-docker-build sets for the generator of its .NET SDK.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool              `json:"respectSchemaVersion,omitempty"`
	PackageReferences    map[string]string `json:"packageReferences,omitempty"`
}
