// Reads a JSON list of YAML texts from standard input, and writes the list of what kubectl reads in each: its JSON, or
// {"error": why not}.
package main

import (
	"encoding/json"
	"os"

	"sigs.k8s.io/yaml"
)

type reading struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	readings := make([]reading, len(texts))
	for i, text := range texts {
		value, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			readings[i].Error = err.Error()
		} else {
			readings[i].Value = value
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(readings); err != nil {
		panic(err)
	}
}
