// A real NATS server and clients of it, in one program.
//
//	nats serve HOST:PORT
//	nats exchange [flags] HOST:PORT
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(args[1:])
		case "exchange":
			return exchange(args[1:])
		}
	}
	return fmt.Errorf("usage: nats serve HOST:PORT | nats exchange [flags] HOST:PORT")
}
