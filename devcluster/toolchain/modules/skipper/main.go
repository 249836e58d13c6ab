// Command skipper is skipper whose request bodies outlive the first byte of an answer.
//
// As soon as an answer begins, net/http's server drops what it thinks is left of a request's body. Its client, which
// asks the body once more whether it has ended, then takes the whole connection for broken, and the answer is cut off
// behind its headers: about one POST in a thousand with a server that answers at once. Full duplex leaves the body alone.
package main

import (
	"fmt"
	"net/http"

	log "github.com/sirupsen/logrus"
	"github.com/zalando/skipper"
	"github.com/zalando/skipper/config"
)

var version string

func fullDuplex(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// HTTP/2 refuses, and does not need it.
		_ = http.NewResponseController(w).EnableFullDuplex()
		next.ServeHTTP(w, r)
	})
}

func main() {
	settings := config.NewConfig()
	if err := settings.Parse(); err != nil {
		log.Fatalf("Error processing config: %s", err)
	}
	if settings.PrintVersion {
		fmt.Printf("Skipper version %s\n", version)
		return
	}
	log.SetLevel(settings.ApplicationLogLevel)
	options := settings.ToOptions()
	options.CustomHttpHandlerWrap = fullDuplex
	if err := skipper.Run(options); err != nil {
		log.Fatal(err)
	}
}
