package main

import (
	"fmt"
	"io"
	"strings"
)

// printRide prints the cost of answers, by the way in which they go to Telegram.
func (r *results) printRide(out io.Writer) {
	const benchmark = "BenchmarkRide"
	for i, way := range r.handlers(benchmark, "") {
		if i == 0 {
			fmt.Fprint(out, "\n20,000 messages are answered over loopback. How many in a second; for all of them, the CPU time of bot and\n"+
				"Telegram together, and the number of API calls.\n\n")
			fmt.Fprintln(out, "the answer goes\tanswers/s\tCPU s\tAPI calls")
		}
		value := func(unit string) float64 { return r.median(benchmark, "", way, unit) }
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.0f\n", strings.ReplaceAll(way, "_", " "), value("answers/s"), value("cpu-s"), value("calls"))
	}
}
