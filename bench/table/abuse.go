package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// printAbuse prints the fate of the updates.
func (r *results) printAbuse(out io.Writer) {
	const benchmark = "BenchmarkAbuse"
	for i, abuse := range r.doors(benchmark) {
		if i == 0 {
			fmt.Fprint(out, "\nThe first answers to the updates. How many were answered 200 while the bot still worked on them (200 early), were\n"+
				"handled, were lost (answered 200 and never handled), and were handled again. The most memory, and the process.\n")
		}
		fmt.Fprintf(out, "\n%s\tanswered\t200 early\thandled\tlost\trepeated\tpeak MiB\tthe process\n", strings.ReplaceAll(abuse, "_", " "))
		for _, receiver := range r.handlers(benchmark, abuse) {
			value := func(unit string) float64 { return r.median(benchmark, abuse, receiver, unit) }
			peak := ""
			if value("MiB") > 0 { // it belongs to the process
				peak = fmt.Sprintf("%.0f", value("MiB"))
			}
			fmt.Fprintf(out, "%s\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%s\t%s\n", receiver,
				answers(value), value("early"), value("handled"), value("lost"), value("repeated"), peak, fate(value))
		}
	}
}

// fate returns the worst fate of all rounds.
func fate(value func(unit string) float64) string {
	for _, unit := range []string{"dies", "killed", "stops", "lives"} {
		if value(unit) > 0 {
			return unit
		}
	}
	return ""
}

func answers(value func(unit string) float64) string {
	var all []string
	for status := range http.StatusNetworkAuthenticationRequired {
		n := value(fmt.Sprintf("status-%d", status))
		switch {
		case n == 0:
		case status == 0:
			all = append(all, fmt.Sprintf("not ×%.0f", n))
		default:
			all = append(all, fmt.Sprintf("%d ×%.0f", status, n))
		}
	}
	return strings.Join(all, ", ")
}
