// Kill delivers updates to a bot that is killed again and again, and counts.
//
//	go run ./e2e/kill -for 10m
//
// A simulated Telegram sends messages of many chats, by its real rules of retrying, to
// a receiver in a process of its own: by webhook, by long poll, and by webhook to two
// receivers that share a Store, which loses some of its answers. The process is
// killed by SIGKILL at moments that a seed gives, or told to stop, and started again.
// Each handler tells what it does over a pipe, which outlives the process. In the end
// every update was handled at least once; none was handled twice in one life of the
// process, nor in another life while the one that had handled it went on; and in each
// life the updates of a chat were handled one at a time, in their order.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == receiverArg {
		if err := receive(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		os.Exit(1)
	}
}

// run makes the trials that args ask for.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	var t trial
	modes := flags.String("mode", strings.Join(modeNames, ","), "how updates come in, one trial after the other")
	flags.DurationVar(&t.length, "for", time.Minute, "how long a trial has the process killed, at most 30m")
	flags.IntVar(&t.chats, "chats", 50, "of how many chats updates come")
	flags.IntVar(&t.rate, "rate", 100, "how many updates come each second")
	flags.Uint64Var(&t.seed, "seed", rand.Uint64(), "what all chance comes from") //nolint:gosec // it is no secret
	if err := flags.Parse(args); err != nil {
		return err
	}
	if t.length <= 0 || t.length > 30*time.Minute || t.chats < 1 || t.rate < 1 {
		return fmt.Errorf("-for %v -chats %d -rate %d: give a time up to 30m, as long as Telegram keeps a message at this speed, and positive numbers", t.length, t.chats, t.rate)
	}
	for t.mode = range strings.SplitSeq(*modes, ",") {
		if !slices.Contains(modeNames, t.mode) {
			return fmt.Errorf("-mode %s: there is %s", t.mode, strings.Join(modeNames, ", "))
		}
		found, err := t.run(ctx)
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", t.mode, t.seed, err)
		}
		fmt.Fprintf(out, "%s, seed %d: %v\n", t.mode, t.seed, found)
		if err := found.err(); err != nil {
			return err
		}
	}
	return nil
}
