// The mesh profiles of the Gateway API's conformance suite, with every feature that a mesh can have, on the cluster that
// KUBECONFIG names. Built by `go test -c`. Of the suite's own flags it needs --report-output and --version (the mesh's);
// --results names the file for the outcome of each test, as JSON.
package suite

import (
	"embed"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/gateway-api/conformance"
	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/tests"
	meshtests "sigs.k8s.io/gateway-api/conformance/tests/mesh"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

//go:embed manifests
var ownManifests embed.FS

var results = flag.String("results", "", "file for the outcome of each test")

// What tests of the mesh ask for beyond the features of its profiles.
var routeFeatures = []features.FeatureName{
	features.SupportHTTPRouteParentRefPort,
	features.SupportHTTPRouteResponseHeaderModification,
	features.SupportHTTPRoute303RedirectStatusCode,
	features.SupportHTTPRoute307RedirectStatusCode,
	features.SupportHTTPRoute308RedirectStatusCode,
}

func TestMesh(t *testing.T) {
	options := conformance.DefaultOptions(t)
	options.ManifestFS = []fs.FS{manifests{conformance.Manifests}, ownManifests}
	options.NamespaceAnnotations = map[string]string{"tulle.dev/inject": "enabled"}
	options.ConformanceProfiles = []suite.ConformanceProfileName{
		suite.MeshHTTPConformanceProfileName,
		suite.MeshGRPCConformanceProfileName,
	}
	options.SupportedFeatures = slices.Concat(features.SetsToNamesSet(features.MeshExtendedFeatures).UnsortedList(), routeFeatures)
	options.Implementation = confv1.Implementation{
		Organization: "tulle",
		Project:      "tulle",
		URL:          "https://tulle.dev",
		Version:      options.Implementation.Version,
		Contact:      []string{"https://tulle.dev"},
	}
	// A change takes effect within a second; so a test that fails need not be waited for as long as upstream would.
	options.TimeoutConfig.MaxTimeToConsistency = 8 * time.Second
	options.TimeoutConfig.NamespacesMustBeReady = time.Minute
	// Pods take a while to end, and nothing waits for it.
	options.TimeoutConfig.DeleteTimeout = 30 * time.Second

	outcomes := map[string]string{}
	options.Hook = func(t *testing.T, test suite.ConformanceTest, _ *suite.ConformanceTestSuite) {
		outcomes[test.ShortName] = outcomeOf(t)
	}
	tests.ConformanceTests = append(slices.Clone(meshtests.MeshConformanceTests), laterTests...)
	conformance.RunConformanceWithOptions(t, options)

	content, err := json.Marshal(outcomes)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(*results, content, 0o600))
}

func outcomeOf(t *testing.T) string {
	switch {
	case t.Failed():
		return "fails"
	case t.Skipped():
		return "skipped"
	}
	return "passes"
}
