// Command table reads the lines of BenchmarkDoors, BenchmarkReceive, BenchmarkDecode,
// BenchmarkPoll, BenchmarkRide, sockets, queues and abuse, with some rounds of each. It prints
// tables of their medians: the cost of tghook at each door against the framework's own
// empty handler, its speed beside its rivals, whether both are within the bounds, the time
// of decoders, the saving of a reply in the HTTP response, the cost of queues, and the fate of
// updates under abuse.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

const (
	maxAdded = 1.15 // times the cost that ServeHTTP adds
	minRate  = 0.85 // times the requests per second of the empty handler
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("table: ")
	if err := report(os.Stdout, os.Stdin); err != nil {
		log.Fatal(err)
	}
}

func report(out io.Writer, in io.Reader) error {
	r, err := read(in)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.printAdded(table)
	r.printRates(table)
	r.printReceive(table)
	r.printDecode(table)
	r.printRivals(table)
	r.printPoll(table)
	r.printRide(table)
	r.printQueues(table)
	r.printAbuse(table)
	return table.Flush()
}

// results are the figures of the rounds.
type results struct {
	order  []series // without units, in order of appearance
	rounds map[series][]float64
}

type series struct{ benchmark, door, handler, unit string }

// doors returns the doors of a benchmark: the parts between its name and the last slash,
// which are empty if there is only one slash.
func (r *results) doors(benchmark string) (doors []string) {
	for _, s := range r.order {
		if s.benchmark == benchmark && !slices.Contains(doors, s.door) {
			doors = append(doors, s.door)
		}
	}
	return doors
}

// handlers returns the handlers of a door: the parts behind the last slash.
func (r *results) handlers(benchmark, door string) (handlers []string) {
	for _, s := range r.order {
		if s.benchmark == benchmark && s.door == door {
			handlers = append(handlers, s.handler)
		}
	}
	return handlers
}

func read(in io.Reader) (*results, error) {
	r := &results{rounds: make(map[series][]float64)}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		benchmark, rest, _ := strings.Cut(fields[0], "/")
		if rest == "" || !strings.HasPrefix(benchmark, "Benchmark") {
			continue
		}
		slash := strings.LastIndexByte(rest, '/')
		handler, _, _ := strings.Cut(rest[slash+1:], "-") // without GOMAXPROCS
		s := series{benchmark: benchmark, door: rest[:max(slash, 0)], handler: handler}
		if !slices.Contains(r.order, s) {
			r.order = append(r.order, s)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", lines.Text(), err)
			}
			s.unit = fields[i+1]
			r.rounds[s] = append(r.rounds[s], value)
		}
	}
	return r, lines.Err()
}

// medians returns the medians of a door with its empty handler and with tghook.
func (r *results) medians(benchmark, door, unit string) (empty, tghook float64, ok bool) {
	empty, tghook = r.median(benchmark, door, "empty", unit), r.median(benchmark, door, "tghook", unit)
	return empty, tghook, empty > 0 && tghook > 0
}

// median returns 0 for a series that was not measured.
func (r *results) median(benchmark, door, handler, unit string) float64 {
	values := r.rounds[series{benchmark, door, handler, unit}]
	if len(values) == 0 {
		return 0
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func (r *results) printAdded(out io.Writer) {
	empty, tghook, ok := r.medians("BenchmarkDoors", "net/http", "cpu-ns/op")
	if !ok {
		return
	}
	base := tghook - empty
	fmt.Fprintf(out, "\nCPU time of a small update in process, and what of it tghook adds.\n\n")
	fmt.Fprintf(out, "door\tempty ns\ttghook ns\tadded ns\tadded / net/http's\tat most %.2f\n", maxAdded)
	for _, door := range r.doors("BenchmarkDoors") {
		if empty, tghook, ok := r.medians("BenchmarkDoors", door, "cpu-ns/op"); ok {
			ratio := (tghook - empty) / base
			fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.0f\t%.2f\t%s\n", door, empty, tghook, tghook-empty, ratio, met(ratio <= maxAdded))
		}
	}
}

func (r *results) printRates(out io.Writer) {
	const benchmark = "BenchmarkSockets"
	heading := false
	for _, door := range r.doors(benchmark) {
		empty, tghook, ok := r.medians(benchmark, door, "req/s")
		if !ok {
			continue
		}
		if !heading {
			heading = true
			fmt.Fprintf(out, "\nRequests per second over loopback: small updates of 10,000 chats on 40 connections that are kept\n"+
				"alive, the server on one CPU and wrk on another. The last column is what the ratio would be, by the\n"+
				"server's CPU time, if nothing else held up either.\n\n")
			fmt.Fprintf(out, "door\tempty\ttghook\tratio\tat least %.2f\tby CPU time\n", minRate)
		}
		emptyCPU, tghookCPU, _ := r.medians(benchmark, door, "cpu-ns/req")
		fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.2f\t%s\t%.2f\n",
			door, empty, tghook, tghook/empty, met(tghook/empty >= minRate), emptyCPU/tghookCPU)
	}
}

func met(bound bool) string {
	if bound {
		return "yes"
	}
	return "no"
}
