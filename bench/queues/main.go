//go:build unix

// Command queues measures the cost of storing updates before Telegram is answered. It compares a
// handler in the webhook ("none"), a Store in an SQLite file ("store"), a spool in an SQLite file
// ("spool"), a queue in PostgreSQL ("postgres"), and a queue in memory ("memory"), which shows the
// cost of publishing and consuming alone. It measures them in turn, and prints a benchmark line
// for each round:
//
//   - full: 40 connections send updates as fast as they are answered. The handler does nothing;
//   - paced: 100 updates a second at a fixed rate: how long until Telegram has its answer, and
//     until the handler starts;
//   - parallel_<n>: a handler that waits for 20 ms, n of them concurrently. A queue works off a
//     backlog, and the others have n connections.
//
// Everything except PostgreSQL runs in one process, with a listener on the loopback interface. The
// updates are of 500 chats in turn, so two updates of a chat are seldom in flight at once, as with
// Telegram. Databases are in a folder of TMPDIR, which should be on a disk. Each commit waits for
// the disk. The line "disk" says how long the disk takes to flush a write of 4 KiB, which is the
// least time of a commit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("queues: ")
	rounds := flag.Int("rounds", 5, "rounds of each measurement")
	length := flag.Duration("time", 2*time.Second, "length of a measurement")
	bench := flag.String("bench", ".", "what to measure, a regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wanted, err := regexp.Compile(*bench)
	if err == nil {
		err = run(ctx, os.Stdout, *rounds, *length, wanted)
	}
	if err != nil {
		log.Fatal(err) //nolint:gocritic // the process ends
	}
}

// run runs the selected measurements, rounds times.
func run(ctx context.Context, out io.Writer, rounds int, length time.Duration, wanted *regexp.Regexp) (err error) {
	all := slices.DeleteFunc(measurements(), func(m measurement) bool { return !wanted.MatchString(m.name) })
	s, err := newSite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range rounds {
		for _, m := range all {
			line, err := m.measure(ctx, s, length)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Fprintf(out, "%s %s\n", m.name, line)
		}
	}
	return nil
}

// measurement is one line of the output.
type measurement struct {
	name    string
	measure func(ctx context.Context, s *site, length time.Duration) (line string, err error)
}

func measurements() []measurement {
	all := []measurement{{"BenchmarkQueues/flush/disk", flushes}}
	for _, w := range ways {
		all = append(all, measurement{"BenchmarkQueues/full/" + w.name, w.full}, measurement{"BenchmarkQueues/paced/" + w.name, w.paced})
	}
	for n := 1; n <= 256; n *= 2 {
		for _, w := range ways {
			all = append(all, measurement{fmt.Sprintf("BenchmarkQueues/parallel_%d/%s", n, w.name), w.parallel(n)})
		}
	}
	return all
}
