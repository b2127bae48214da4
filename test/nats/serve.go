package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serve runs a server until it is told to end, and prints a line once it takes connections.
func serve(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: nats serve HOST:PORT")
	}
	host, text, err := net.SplitHostPort(args[0])
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	running, err := server.NewServer(&server.Options{Host: host, Port: port})
	if err != nil {
		return err
	}
	go running.Start()
	if !running.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("no connections are taken at %s", args[0])
	}
	fmt.Println("ready")
	running.WaitForShutdown()
	return nil
}
