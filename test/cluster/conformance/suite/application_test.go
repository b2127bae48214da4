package suite

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing/fstest"
)

const (
	meshManifests  = "mesh/manifests.yaml"
	upstreamsImage = "registry.k8s.io/gateway-api/echo-advanced:v1.5.1"
	ownImage       = "docker.io/tulle-test/echo:1"
)

// manifests are upstream's, with the image of ../echo in the place of theirs. As one file system: of several, the suite
// would apply a file of each.
type manifests struct{ upstreams fs.FS }

func (m manifests) Open(name string) (fs.File, error) {
	if name != meshManifests {
		return m.upstreams.Open(name)
	}
	content, err := fs.ReadFile(m.upstreams, name)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(content, []byte(upstreamsImage)) {
		return nil, fmt.Errorf("%s has no %s: upstream has changed its image", name, upstreamsImage)
	}
	content = bytes.ReplaceAll(content, []byte(upstreamsImage), []byte(ownImage))
	return fstest.MapFS{name: {Data: content}}.Open(name)
}
