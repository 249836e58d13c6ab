// Command referrers-registry serves an OCI registry with the referrers API, in memory, at an address, until it is ended.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
)

var version = "dev" // set by the linker

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: referrers-registry ADDRESS | --version")
	}
	if os.Args[1] == "--version" {
		fmt.Println("referrers-registry", version)
		return
	}
	server := http.Server{
		Addr:              os.Args[1],
		Handler:           ociserver.New(ocimem.New(), nil),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
