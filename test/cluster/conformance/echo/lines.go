package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// write adds a line that the suite finds by its name.
func write(out *strings.Builder, name, value string) {
	fmt.Fprintf(out, "%s=%s\n", name, value)
}

// writeFields adds a line for each value of each field; values of one field keep their order.
func writeFields(out *strings.Builder, name string, fields map[string][]string) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[field] {
			write(out, name, field+":"+value)
		}
	}
}
