// Command tsa is a timestamp authority with a key in memory. The project's own command always serves its metrics on
// port 2112, so that a machine can hold only one of it.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

const policy = "1.3.6.1.4.1.57264.2"

func main() {
	port := flag.Int("port", 3004, "port of 127.0.0.1 to serve on")
	flag.Parse()
	for name, value := range map[string]any{
		"timestamp-signer":      "memory",
		"timestamp-signer-hash": "sha256",
		"default-policy-oid":    policy,
		"accepted-policy-oids":  []string{policy},
	} {
		viper.Set(name, value)
	}
	log.Fatal(server.NewRestAPIServer("127.0.0.1", *port, []string{"http"}, false, 10*time.Second, 10*time.Second).Serve())
}
