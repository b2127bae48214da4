// The application that the conformance suite deploys and asks, in the place of upstream's image: a server that answers
// with the request as it came, and the client that the suite runs in a pod of it.
//
//	server [--port=8080]... [--grpc=7070]... [--tcp=9090]... [--tls=8443]...
//	client [--method=GET] [-H name:value]... [--count=1] http://HOST/PATH | grpc://HOST:PORT
//
// What both write is lines of `Name=value`, as sigs.k8s.io/gateway-api/conformance/utils/echo reads them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string, args []string) error {
	switch name {
	case "server":
		return serve(args)
	case "client":
		return ask(args)
	}
	return fmt.Errorf("called as %q: it is to be called as server or client", name)
}
