package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// printDecode compares the decoders, with the type of update of each library.
func (r *results) printDecode(out io.Writer) {
	const benchmark = "BenchmarkDecode"
	var bodies, libraries, decoders []string
	for _, door := range r.doors(benchmark) {
		body, library, _ := strings.Cut(door, "/")
		if !slices.Contains(bodies, body) {
			bodies = append(bodies, body)
		}
		if !slices.Contains(libraries, library) {
			libraries = append(libraries, library)
		}
		decoders = r.handlers(benchmark, door)
	}
	if len(bodies) == 0 {
		return
	}
	fmt.Fprintf(out, "\nCPU time of decoding %s into each library's type, in µs.\n\n", strings.Join(bodies, " / "))
	fmt.Fprintf(out, "type of\t%s\n", strings.Join(decoders, "\t"))
	for _, library := range libraries {
		fmt.Fprint(out, library)
		for _, decoder := range decoders {
			times := make([]string, len(bodies))
			for i, body := range bodies {
				times[i] = fmt.Sprintf("%.1f", r.median(benchmark, body+"/"+library, decoder, "cpu-ns/op")/1000)
			}
			fmt.Fprintf(out, "\t%s", strings.Join(times, " / "))
		}
		fmt.Fprintln(out)
	}
}
