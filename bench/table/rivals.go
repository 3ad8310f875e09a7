package main

import (
	"fmt"
	"io"

	"github.com/tghook/tghook/bench/rivals"
)

// bounds are the rates that tghook must reach over sockets, as multiples of the rates of
// others.
var bounds = []struct {
	handler string
	least   float64
	others  []string
}{
	{"tghook_raw", 0.88, []string{"bare"}},
	{"tghook_typed", 0.95, []string{"hand_written"}},
	{"tghook_fast", 1, onHTTP()},
	{"tgfiber_fast", 1, []string{"telego_fasthttp"}},
	{"tghook_reply", 0.90, []string{"hand_written_reply"}},
}

// onHTTP returns the rivals that serve on net/http.
func onHTTP() (names []string) {
	for _, library := range rivals.All() {
		if library.Name != "telego_fasthttp" {
			names = append(names, library.Name)
		}
	}
	return names
}

// printRivals compares servers by their requests per second, body by body.
func (r *results) printRivals(out io.Writer) {
	const benchmark = "BenchmarkRivals"
	for _, body := range r.doors(benchmark) {
		rate := func(handler string) float64 { return r.median(benchmark, body, handler, "req/s") }
		base := r.handlers(benchmark, body)[0]
		fmt.Fprintf(out, "\nRequests per second over loopback, %s: 40 kept-alive connections, the server on one CPU and\n"+
			"wrk on another. The last column is the ratio of the servers' CPU time.\n\n", body)
		fmt.Fprintf(out, "server\trequests/s\t/ %s\tby CPU time\n", base)
		for _, handler := range r.handlers(benchmark, body) {
			cpu := func(handler string) float64 { return r.median(benchmark, body, handler, "cpu-ns/req") }
			fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\n", handler, rate(handler), rate(handler)/rate(base), cpu(base)/cpu(handler))
		}
		fmt.Fprintln(out)
		for _, b := range bounds {
			best := ""
			for _, other := range b.others {
				if best == "" || rate(other) > rate(best) {
					best = other
				}
			}
			if rate(b.handler) > 0 && rate(best) > 0 {
				ratio := rate(b.handler) / rate(best)
				fmt.Fprintf(out, "%s / %s\t%.2f\tat least %.2f\t%s\n", b.handler, best, ratio, b.least, met(ratio >= b.least))
			}
		}
	}
}
