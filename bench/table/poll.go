package main

import (
	"fmt"
	"io"
)

const minPoll = 20 // times the updates per second of one by one

// printPoll prints how fast each poller worked off its backlog, and how well.
func (r *results) printPoll(out io.Writer) {
	const benchmark = "BenchmarkPoll"
	rates := map[string]float64{}
	for i, backlog := range r.doors(benchmark) {
		if i == 0 {
			fmt.Fprint(out, "\nA backlog is worked off by long poll, with a handler that takes 5 ms. at once: the most handlers at one time.\n"+
				"overlapping, out of order, repeated: updates. at risk: the most updates that a crash would have lost. CPU µs:\n"+
				"the CPU time of the bot for one update.\n\n")
			fmt.Fprintln(out, "library\tbacklog\tupdates/s\tat once\toverlapping\tout of order\trepeated\tat risk\tCPU µs")
		}
		for _, library := range r.handlers(benchmark, backlog) {
			value := func(unit string) float64 { return r.median(benchmark, backlog, library, unit) }
			rates[library] = value("updates/s")
			fmt.Fprintf(out, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\n", library, backlog, value("updates/s"),
				value("at-once"), value("overlapping"), value("out-of-order"), value("repeated"), value("at-risk"), value("cpu-us/update"))
		}
	}
	if tghook, one := rates["tghook"], rates["one_by_one"]; tghook > 0 && one > 0 {
		fmt.Fprintf(out, "\ntghook / one_by_one\t%.1f\tat least %d\t%s\n", tghook/one, minPoll, met(tghook/one >= minPoll))
	}
}
