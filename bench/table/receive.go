package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/tghook/tghook/bench/rivals"
)

const maxOwn = 1.10 // times the time of the library's own receiver

// printReceive compares the receivers of the libraries with tghook, body by body.
func (r *results) printReceive(out io.Writer) {
	const benchmark, unit = "BenchmarkReceive", "cpu-ns/op"
	body := ""
	var own, ours contender
	for _, door := range r.doors(benchmark) {
		of, library, _ := strings.Cut(door, "/")
		if of != body {
			ours.printAgainst(out, own)
			body, own, ours = of, contender{}, contender{}
			fmt.Fprintf(out, "\nCPU time of %s, from the call of the receiver until the bot has the typed update. own: the library's own\n"+
				"receiver. tghook: with the same type and decoder, and all protections on.\n\n", body)
			fmt.Fprintf(out, "library\town µs\ttghook µs\tratio\tat most %.2f\tfast decoder µs\tof tghook's protections it has\n", maxOwn)
		}
		measured := func(handler string) float64 { return r.median(benchmark, door, handler, unit) / 1000 }
		tghook := measured("tghook_same_decoder")
		if tghook == 0 {
			tghook = measured("tghook")
		}
		own = own.faster(library, measured("own"))
		ours = ours.faster(library, measured("tghook_fast"))
		fmt.Fprintf(out, "%s\t%.1f\t%s\t%s\n", library, measured("own"), withItsType(tghook, measured("own"), measured("tghook_fast")), protections(library))
	}
	ours.printAgainst(out, own)
}

func withItsType(tghook, own, fast float64) string {
	if tghook == 0 { // another library has the same type
		return "\t\t\t"
	}
	return fmt.Sprintf("%.1f\t%.2f\t%s\t%.1f", tghook, tghook/own, met(tghook/own <= maxOwn), fast)
}

func protections(library string) string {
	for _, l := range rivals.All() {
		if l.Name == library && len(l.Has) > 0 {
			return strings.Join(l.Has, ", ")
		}
	}
	return "none"
}

// contender returns the fastest of several.
type contender struct {
	library string
	time    float64
}

func (c contender) faster(library string, time float64) contender {
	if time > 0 && (c.time == 0 || time < c.time) {
		return contender{library, time}
	}
	return c
}

func (c contender) printAgainst(out io.Writer, rival contender) {
	if c.time > 0 && rival.time > 0 {
		fmt.Fprintf(out, "\nfastest: tghook with %s's type\t%.1f\t%s\t%.1f\t%s\n", c.library, c.time, rival.library, rival.time, met(c.time < rival.time))
	}
}
