package suite

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance/utils/echo"
	"sigs.k8s.io/gateway-api/conformance/utils/http"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

// Tests that upstream has in v1.7.0, whose module asks for a newer Go and one that is not published, under their names.
var laterTests = []suite.ConformanceTest{{
	ShortName:   "MeshGRPCRouteRequestHeaderModifier",
	Description: "A filter of a GRPCRoute's rule sets, adds and removes fields of requests",
	Features:    []features.FeatureName{features.SupportMesh, features.SupportGRPCRoute},
	Manifests:   []string{"manifests/grpcroute-request-header-modifier.yaml"},
	Test:        grpcRequestHeaders,
}}

func grpcRequestHeaders(t *testing.T, s *suite.ConformanceTestSuite) {
	for _, test := range []struct {
		rule, backend string
		sent, arrives map[string]string
		absent        []string
	}{
		{
			rule: "set", backend: "echo-v1",
			sent:    map[string]string{"x-header-set": "sent", "x-other": "kept"},
			arrives: map[string]string{"x-header-set": "set-overwrites-values", "x-other": "kept"},
		},
		{
			rule: "add", backend: "echo-v1",
			sent:    map[string]string{"x-header-add": "sent"},
			arrives: map[string]string{"x-header-add": "sent,add-appends-values"},
		},
		{
			rule: "remove", backend: "echo-v1",
			sent:   map[string]string{"x-header-remove": "sent"},
			absent: []string{"x-header-remove"},
		},
		{
			rule: "multi", backend: "echo-v2",
			sent: map[string]string{"x-header-set-2": "sent", "x-header-add-2": "sent", "x-header-remove-2": "sent"},
			arrives: map[string]string{
				"x-header-set-1": "header-set-1",
				"x-header-set-2": "header-set-2",
				"x-header-add-1": "header-add-1",
				"x-header-add-2": "sent,header-add-2",
			},
			absent: []string{"x-header-remove-1", "x-header-remove-2"},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			client := echo.ConnectToApp(t, s, echo.MeshAppEchoV1)
			test.sent["x-test-case"] = test.rule
			client.MakeRequestAndExpectEventuallyConsistentResponse(t, http.ExpectedResponse{
				Request:         http.Request{Protocol: "grpc", Host: "echo:7070", Headers: test.sent},
				ExpectedRequest: &http.ExpectedRequest{Request: http.Request{Headers: test.arrives}, AbsentHeaders: test.absent},
				Response:        http.Response{StatusCodes: []int{200}},
				Backend:         test.backend,
				Namespace:       suite.MeshNamespace,
			}, s.TimeoutConfig)
		})
	}
}
