// Command pulumi-kubernetes is Pulumi's Kubernetes provider.
//
// Upstream's own main embeds two files that are generated at release and are not in its module: the
// toolchain's builder makes them from the module's schema.json and terraform-mapping.json.
package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema-embed.json
var schema []byte

//go:embed terraform-mapping-embed.json
var terraformMapping []byte

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("pulumi-resource-kubernetes", version.Version)
		return
	}
	provider.Serve("kubernetes", version.Version, schema, terraformMapping)
}
