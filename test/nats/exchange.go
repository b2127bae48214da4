package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// report is printed as one line of JSON.
type report struct {
	// Connections that were made, broken ones included, and why others were not.
	Connected int      `json:"connected"`
	Failed    []string `json:"failed"`
	// From dialling to the server's INFO and the answer to the first PING.
	SlowestMs int64 `json:"slowestMs"`
	// Messages that reached each subscriber, and that should have.
	Delivered int64 `json:"delivered"`
	Expected  int64 `json:"expected"`
	// Connections that were lost without this program breaking them.
	Lost int64 `json:"lost"`
}

type flags struct {
	connections int
	rounds      int
	timeout     time.Duration
	via         string
}

// exchange makes connections, all at once, and in each round publishes a message that every one of them gets, breaks the
// last connection with a reset, and makes another.
func exchange(args []string) error {
	set := flag.NewFlagSet("exchange", flag.ContinueOnError)
	var f flags
	set.IntVar(&f.connections, "connections", 3, "connections at a time")
	set.IntVar(&f.rounds, "rounds", 3, "messages, each followed by a broken connection")
	set.DurationVar(&f.timeout, "timeout", nats.DefaultTimeout, "for connecting, and for a message to arrive")
	set.StringVar(&f.via, "via", "", "HOST:PORT of a proxy that is asked for tunnels by CONNECT")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() != 1 || f.connections < 2 {
		return fmt.Errorf("usage: nats exchange [flags] HOST:PORT, with two connections or more")
	}
	e := &exchanger{flags: f, target: set.Arg(0)}
	e.run()
	e.Lost = e.lost.Load()
	return json.NewEncoder(os.Stdout).Encode(e.report)
}

type exchanger struct {
	report
	flags
	target string
	lost   atomic.Int64
}

type client struct {
	conn    *nats.Conn
	dialer  *dialer
	arrived chan struct{}
	broken  atomic.Bool
}

func (e *exchanger) run() {
	clients := e.open(e.connections)
	for round := 0; round < e.rounds && len(clients) >= 2; round++ {
		e.publish(clients)
		last := clients[len(clients)-1]
		last.broken.Store(true)
		last.dialer.reset()
		last.conn.Close()
		clients = append(clients[:len(clients)-1], e.open(1)...)
	}
	for _, c := range clients {
		c.broken.Store(true)
		c.conn.Close()
	}
}

// open makes connections at the same time, and leaves out those that fail.
func (e *exchanger) open(count int) []*client {
	made := make([]*client, count)
	errs := make([]error, count)
	var wait sync.WaitGroup
	began := time.Now()
	for i := range made {
		wait.Add(1)
		go func() {
			defer wait.Done()
			made[i], errs[i] = e.connect()
		}()
	}
	wait.Wait()
	e.SlowestMs = max(e.SlowestMs, time.Since(began).Milliseconds())
	var clients []*client
	for i, c := range made {
		if errs[i] != nil {
			e.Failed = append(e.Failed, errs[i].Error())
			continue
		}
		e.Connected++
		clients = append(clients, c)
	}
	return clients
}

func (e *exchanger) connect() (*client, error) {
	c := &client{dialer: &dialer{timeout: e.timeout, via: e.via}, arrived: make(chan struct{}, 64)}
	options := []nats.Option{
		nats.Timeout(e.timeout),
		nats.NoReconnect(),
		nats.SetCustomDialer(c.dialer),
		nats.DisconnectErrHandler(func(_ *nats.Conn, _ error) {
			if !c.broken.Load() {
				e.lost.Add(1)
			}
		}),
	}
	if e.via != "" {
		// The proxy is asked for the name.
		options = append(options, nats.SkipHostLookup())
	}
	conn, err := nats.Connect("nats://"+e.target, options...)
	if err != nil {
		return nil, err
	}
	c.conn = conn
	if _, err := conn.Subscribe("cats", func(*nats.Msg) { c.arrived <- struct{}{} }); err != nil {
		return nil, err
	}
	// The server has the subscription once it has answered the PING behind it.
	return c, conn.FlushTimeout(e.timeout)
}

func (e *exchanger) publish(clients []*client) {
	if err := clients[0].conn.Publish("cats", []byte("meow")); err != nil {
		e.Failed = append(e.Failed, err.Error())
	}
	deadline := time.After(e.timeout)
	for _, c := range clients {
		e.Expected++
		select {
		case <-c.arrived:
			e.Delivered++
		case <-deadline:
		}
	}
}

// dialer keeps the connection that it made, to break it.
type dialer struct {
	timeout time.Duration
	via     string
	conn    *net.TCPConn
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	to := address
	if d.via != "" {
		to = d.via
	}
	conn, err := net.DialTimeout(network, to, d.timeout)
	if err != nil {
		return nil, err
	}
	d.conn = conn.(*net.TCPConn)
	if d.via == "" {
		return conn, nil
	}
	fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CONNECT %s: %s", address, response.Status)
	}
	return &tunnel{Conn: conn, reader: reader}, nil
}

// reset ends the connection without a FIN.
func (d *dialer) reset() {
	_ = d.conn.SetLinger(0)
	_ = d.conn.Close()
}

// tunnel is the inside of a CONNECT: the server may have spoken already when its answer was read.
type tunnel struct {
	net.Conn
	reader *bufio.Reader
}

func (t *tunnel) Read(bytes []byte) (int, error) { return t.reader.Read(bytes) }
