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
			fmt.Fprint(out, "\nA backlog worked off by long poll, with a handler that takes 5 ms: how many updates were handled at once, at\n"+
				"most; beside an earlier one of their chat; before an earlier one of their chat; more than once; how many a\n"+
				"crash would have lost, at most; and the bot's CPU time for one.\n\n")
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
