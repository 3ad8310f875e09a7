package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// printQueues prints the costs of the ways from an update to its handler.
func (r *results) printQueues(out io.Writer) {
	const benchmark = "BenchmarkQueues"
	value := func(door, way, unit string) float64 { return r.median(benchmark, door, way, unit) }
	ways := r.handlers(benchmark, "full")
	if len(ways) > 0 {
		fmt.Fprint(out, "\n40 connections send updates as fast as they are answered. The handler does nothing. How many are answered in a\n"+
			"second, and how many are handled by the end of the last handler. CPU time of an update: sender, bot and database.\n\n")
		fmt.Fprintln(out, "way\tanswers/s\t/ none\tupdates/s\t/ none\tCPU µs\t/ none")
	}
	for _, way := range ways {
		answers, updates := value("full", way, "answers/s"), value("full", way, "updates/s")
		cpu := value("full", way, "cpu-us/update")
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.0f\t%.2f\t%.0f\t%.1f\n", way,
			answers, answers/value("full", "none", "answers/s"), updates, updates/value("full", "none", "updates/s"),
			cpu, cpu/value("full", "none", "cpu-us/update"))
	}
	ways = r.handlers(benchmark, "paced")
	if len(ways) > 0 {
		fmt.Fprintf(out, "\n100 updates come in a second. Milliseconds until Telegram has the answer, and until the handler starts: the median\n"+
			"and the 99th percentile. A flush of the disk takes %.2f ms (%.1f) in this run.\n\n",
			value("flush", "disk", "flush-p50-ms"), value("flush", "disk", "flush-p99-ms"))
		fmt.Fprintln(out, "way\tanswer\t99 %\thandler\t99 %")
	}
	for _, way := range ways {
		fmt.Fprint(out, way)
		for _, unit := range []string{"answer-p50-ms", "answer-p99-ms", "start-p50-ms", "start-p99-ms"} {
			fmt.Fprintf(out, "\t%.1f", value("paced", way, unit))
		}
		fmt.Fprintln(out)
	}
	r.printParallel(out, benchmark)
}

// printParallel prints how the updates of a second grow with the handlers.
func (r *results) printParallel(out io.Writer, benchmark string) {
	var ways []string
	for _, door := range r.doors(benchmark) {
		number, parallel := strings.CutPrefix(door, "parallel_")
		handlers, err := strconv.Atoi(number)
		if !parallel || err != nil {
			continue
		}
		if ways == nil {
			ways = r.handlers(benchmark, door)
			fmt.Fprintf(out, "\nUpdates a second with a handler that waits for 20 ms, and what share that is of the most that so many handlers can do.\n\n"+
				"handlers\tat most\t%s\n", strings.Join(ways, "\t"))
		}
		most := float64(50 * handlers)
		fmt.Fprintf(out, "%d\t%.0f", handlers, most)
		for _, way := range ways {
			rate := r.median(benchmark, door, way, "updates/s")
			fmt.Fprintf(out, "\t%.0f (%.2f)", rate, rate/most)
		}
		fmt.Fprintln(out)
	}
}
