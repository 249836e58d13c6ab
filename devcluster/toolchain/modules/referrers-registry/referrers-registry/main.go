// Command referrers-registry serves an OCI registry with the referrers API, in memory, at an address, until it is ended.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
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
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	server := http.Server{
		Addr:              os.Args[1],
		Handler:           registry.New(registry.WithReferrersSupport(true), quiet),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
