// Command sockets measures over loopback what BenchmarkDoors and BenchmarkReceive
// measure in one process: the requests per second of each framework's server, with
// an empty handler of its own that reads the body and with tghook. It measures also each
// library's receiver, tghook with its handlers, a receiver written by hand, and grammY, in
// turn. It prints a benchmark line for each round.
//
// The server has one CPU and the client, wrk, another. Every request is an update as
// Telegram sends it, with an update_id of its own, from one of 10,000 chats, over one
// of 40 connections that are kept alive. The server's CPU time is counted from the start
// of the load. grammY gets another load before, so that V8 has compiled it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("sockets: ")
	rounds := flag.Int("rounds", 5, "rounds of each server")
	length := flag.Duration("time", 2*time.Second, "length of a round, in whole seconds")
	bench := flag.String("bench", ".", "what to measure, a regular expression")
	flag.Parse()
	if flag.NArg() == 1 { // a child
		if err := serve(flag.Arg(0)); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(context.Background(), *rounds, *length, *bench); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, rounds int, length time.Duration, bench string) error {
	wanted, err := regexp.Compile(bench)
	if err != nil {
		return err
	}
	all, err := measurements()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m measurement) bool { return !wanted.MatchString(m.name) })
	for range rounds {
		for _, m := range all {
			line, err := m.measure(ctx, length)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Fprintf(os.Stdout, "%s %s\n", m.name, line)
		}
	}
	return nil
}

// measurement is one server, loaded with one body.
type measurement struct {
	name, body string
	server     []string // its command
	replies    bool
	warmUp     time.Duration // of a load before the measured one
}

// v8 is how long V8 gets to compile the code that runs often.
const v8 = 2 * time.Second

func measurements() ([]measurement, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []measurement
	for _, s := range frameworks() {
		all = append(all, measurement{"BenchmarkSockets/" + s.name, "message", []string{self, s.name}, false, 0})
	}
	for _, body := range []string{"message", "callback_query", "message_large"} {
		for _, s := range receivers() {
			all = append(all, measurement{"BenchmarkRivals/" + body + "/" + s.name, body, []string{self, s.name}, false, 0})
		}
		all = append(all, measurement{"BenchmarkRivals/" + body + "/grammy", body, []string{"node", "grammy/server.mjs"}, false, v8})
	}
	for _, s := range repliers {
		all = append(all, measurement{"BenchmarkRivals/with_reply/" + s.name, "message", []string{self, s.name}, true, 0})
	}
	return append(all, measurement{"BenchmarkRivals/with_reply/grammy_reply", "message", []string{"node", "grammy/server.mjs", "reply"}, true, v8}), nil
}

// pinned returns a command on one CPU, if taskset is installed. A Go program there has only
// one thread that runs Go.
func pinned(ctx context.Context, cpu, name string, args ...string) *exec.Cmd {
	if _, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		name, args = "taskset", append([]string{"-c", cpu, name}, args...)
	}
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // wrk and this program
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	c.Stderr = os.Stderr
	return c
}
