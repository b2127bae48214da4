package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
)

// serve listens until it is told to end. Ports of TLS are taken and not served: no test of the mesh profiles asks them.
func serve(args []string) error {
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	httpPorts := flags.StringSlice("port", []string{"8080"}, "HTTP/1.1 and HTTP/2 without TLS")
	grpcPorts := flags.StringSlice("grpc", []string{"7070"}, "gRPC")
	tcpPorts := flags.StringSlice("tcp", []string{"9090"}, "sends back what it gets")
	tlsPorts := flags.StringSlice("tls", nil, "those of --port that are not served")
	flags.String("crt", "", "not read")
	flags.String("key", "", "not read")
	if err := flags.Parse(args); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	ended := make(chan error)
	start := func(ports []string, serve func(net.Listener) error) {
		for _, port := range ports {
			if slices.Contains(*tlsPorts, port) {
				continue
			}
			go func() {
				listener, err := net.Listen("tcp", ":"+port)
				if err == nil {
					err = serve(listener)
				}
				ended <- fmt.Errorf("port %s: %w", port, err)
			}()
		}
	}
	start(*httpPorts, httpServer(hostname).Serve)
	calls := grpc.NewServer()
	pb.RegisterGrpcEchoServer(calls, &grpcEcho{hostname: hostname})
	start(*grpcPorts, calls.Serve)
	start(*tcpPorts, sendBack)

	// The first process of a container gets no signal that it has not asked for.
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	select {
	case err := <-ended:
		return err
	case <-told.Done():
		return nil
	}
}

func httpServer(hostname string) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		_, port, _ := net.SplitHostPort(local.String())
		var out strings.Builder
		write(&out, "ServicePort", port)
		write(&out, "Host", r.Host)
		write(&out, "URL", r.RequestURI)
		write(&out, "Method", r.Method)
		write(&out, "Proto", r.Proto)
		writeFields(&out, "RequestHeader", r.Header)
		write(&out, "Hostname", hostname)
		w.Header().Set("content-type", "text/plain")
		_, _ = io.WriteString(w, out.String())
	})}
}

type grpcEcho struct {
	pb.UnimplementedGrpcEchoServer
	hostname string
}

func (e *grpcEcho) Echo(ctx context.Context, request *pb.EchoRequest) (*pb.EchoResponse, error) {
	fields, _ := metadata.FromIncomingContext(ctx)
	assertions := &pb.Assertions{
		FullyQualifiedMethod: pb.GrpcEcho_Echo_FullMethodName,
		Context:              &pb.Context{Pod: e.hostname},
	}
	for name, values := range fields {
		for _, value := range values {
			if name == ":authority" {
				assertions.Authority = value
			} else {
				assertions.Headers = append(assertions.Headers, &pb.Header{Key: name, Value: value})
			}
		}
	}
	return &pb.EchoResponse{Assertions: assertions, Request: request}, nil
}

func sendBack(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			_, _ = io.Copy(connection, connection)
		}()
	}
}
