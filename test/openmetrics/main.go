// Reads a scrape from standard input as Prometheus does, by the content type that is its argument, and writes each of its
// families and samples as a line of JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type line struct {
	Family   string            `json:"family,omitempty"`
	Type     string            `json:"type,omitempty"`
	Unit     string            `json:"unit,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Value    float64           `json:"value"`
	Exemplar *read             `json:"exemplar,omitempty"`
}

type read struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
	Ms     int64             `json:"ms"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(contentType string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	parser, err := textparse.New(text, contentType, "", false, false, false, labels.NewSymbolTable())
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			err = out.Encode(line{Family: string(name), Type: string(kind)})
		case textparse.EntryUnit:
			name, unit := parser.Unit()
			err = out.Encode(line{Family: string(name), Unit: string(unit)})
		case textparse.EntrySeries:
			var told labels.Labels
			parser.Labels(&told)
			_, _, value := parser.Series()
			sample := line{Labels: told.Map(), Value: value}
			var found exemplar.Exemplar
			if parser.Exemplar(&found) {
				sample.Exemplar = &read{Labels: found.Labels.Map(), Value: found.Value, Ms: found.Ts}
			}
			err = out.Encode(sample)
		}
		if err != nil {
			return err
		}
	}
}
