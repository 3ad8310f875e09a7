// Command sockets measures over loopback what BenchmarkDoors measures in one
// process: the requests per second of each framework's server, with an empty
// handler of its own that reads the body and with tghook, in turn. It prints a
// benchmark line for each round.
//
// The server has one CPU and the client, wrk, another. Every request is a small
// update as Telegram sends it, with an update_id of its own, from one of 10,000
// chats, over one of 40 connections that are kept alive.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("sockets: ")
	rounds := flag.Int("rounds", 5, "rounds of each server")
	length := flag.Duration("time", 4*time.Second, "length of a round, in whole seconds")
	flag.Parse()
	if flag.NArg() == 2 { // a child
		if err := serve(flag.Arg(0), flag.Arg(1)); err != nil {
			log.Fatal(err)
		}
		return
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		log.Fatal("wrk is missing: apt-get install wrk")
	}
	for range *rounds {
		for _, door := range doors {
			for _, handler := range []string{"empty", "tghook"} {
				line, err := measure(context.Background(), door.name, handler, *length)
				if err != nil {
					log.Fatalf("%s/%s: %v", door.name, handler, err)
				}
				fmt.Fprintf(os.Stdout, "BenchmarkSockets/%s/%s %s\n", door.name, handler, line)
			}
		}
	}
}

// pinned is a command on one CPU, where that can be had. A Go program there has
// but one thread that runs Go.
func pinned(ctx context.Context, cpu, name string, args ...string) *exec.Cmd {
	if _, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		name, args = "taskset", append([]string{"-c", cpu, name}, args...)
	}
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // wrk and this program
	c.Env = append(os.Environ(), "GOMAXPROCS=1")
	c.Stderr = os.Stderr
	return c
}
