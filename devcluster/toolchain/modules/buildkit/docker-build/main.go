// Command docker-build is Pulumi's docker-build provider; unlike upstream's it tells its version.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi-docker-build/provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("pulumi-resource-docker-build", provider.Version)
		return
	}
	if err := provider.Serve(); err != nil {
		cmdutil.ExitError(err.Error())
	}
}
