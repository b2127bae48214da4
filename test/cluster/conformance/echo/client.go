package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
)

const (
	requestTimeout = 10 * time.Second
	// Of the requests that --count asks for, so many are under way at once, on connections that are kept.
	concurrency = 4
)

// A request, as it was answered: lines that end with those of the server.
type request func(ctx context.Context) (string, error)

// ask sends requests and prints the answers with an empty line after each, as the suite takes them apart by it. Fails
// where one of them had no answer; a status of any kind is one.
func ask(args []string) error {
	flags := pflag.NewFlagSet("client", pflag.ContinueOnError)
	method := flags.String("method", http.MethodGet, "of HTTP requests")
	fields := flags.StringArrayP("header", "H", nil, "name:value; Host is the authority")
	count := flags.Int("count", 1, "requests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("usage: client [flags] URL")
	}
	target, err := url.Parse(flags.Arg(0))
	if err != nil {
		return err
	}
	header := http.Header{}
	for _, field := range *fields {
		name, value, found := strings.Cut(field, ":")
		if !found {
			return fmt.Errorf("-H %q: it is to be name:value", field)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	var send request
	switch target.Scheme {
	case "http":
		send = httpRequest(*method, target, header)
	case "grpc":
		connection, err := grpc.NewClient("passthrough:///"+target.Host, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		defer connection.Close()
		send = grpcRequest(connection, header)
	default:
		return fmt.Errorf("%s: its scheme is to be http or grpc", target)
	}
	return sendAll(send, *count)
}

func sendAll(send request, count int) error {
	answers := make([]string, count)
	var group errgroup.Group
	group.SetLimit(concurrency)
	for index := range answers {
		group.Go(func() (err error) {
			ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
			defer cancel()
			answers[index], err = send(ctx)
			return err
		})
	}
	err := group.Wait()
	for _, answer := range answers {
		if answer != "" {
			fmt.Println(answer)
		}
	}
	return err
}

func httpRequest(method string, target *url.URL, header http.Header) request {
	host := header.Get("Host")
	header.Del("Host")
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: concurrency},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) (string, error) {
		message := (&http.Request{Method: method, URL: target, Host: host, Header: header.Clone()}).WithContext(ctx)
		response, err := client.Do(message)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return "", err
		}
		var out strings.Builder
		write(&out, "StatusCode", strconv.Itoa(response.StatusCode))
		writeFields(&out, "ResponseHeader", response.Header)
		for line := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n") {
			fmt.Fprintf(&out, "[body] %s\n", line)
		}
		return out.String(), nil
	}
}

// The suite reads the outcome of a call as the status of HTTP: 200 where it is OK.
func grpcRequest(connection *grpc.ClientConn, header http.Header) request {
	client := pb.NewGrpcEchoClient(connection)
	sent := metadata.MD{}
	for name, values := range header {
		sent.Append(name, values...)
	}
	return func(ctx context.Context) (string, error) {
		var received metadata.MD
		response, err := client.Echo(metadata.NewOutgoingContext(ctx, sent), &pb.EchoRequest{}, grpc.Header(&received))
		if err != nil {
			return "", err
		}
		assertions := response.GetAssertions()
		var out strings.Builder
		write(&out, "StatusCode", strconv.Itoa(http.StatusOK))
		writeFields(&out, "ResponseHeader", received)
		write(&out, "Host", assertions.GetAuthority())
		for _, field := range assertions.GetHeaders() {
			write(&out, "RequestHeader", field.GetKey()+":"+field.GetValue())
		}
		write(&out, "Hostname", assertions.GetContext().GetPod())
		return out.String(), nil
	}
}
