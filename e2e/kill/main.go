// Kill delivers updates to a bot whose process is killed again and again, and checks that
// the bot keeps its promise.
//
//	go run ./e2e/kill -for 10m
//
// A simulated Telegram sends messages of many chats, with Telegram's real rules for
// retries, to a receiver in a process of its own. One trial sends by webhook, one by long
// poll, and one by webhook to two receivers that share a Store, which loses some of its
// answers. A seed decides when the process is killed by SIGKILL or asked to stop. It is
// then started again. Each handler reports its runs over a pipe, which outlives the
// process.
//
// A trial succeeds if all of this is true:
//
//   - Every update was handled at least once.
//   - No update was handled twice in one life of a process, or in a second life while the
//     first one that had handled it went on.
//   - In each life, the updates of a chat were handled one at a time, in their order.
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

// run runs the trials that args name.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	var t trial
	modes := flags.String("mode", strings.Join(modeNames, ","), "the trials to run, one after the other")
	flags.DurationVar(&t.length, "for", time.Minute, "how long a trial kills the process, at most 30m")
	flags.IntVar(&t.chats, "chats", 50, "the number of chats")
	flags.IntVar(&t.rate, "rate", 100, "updates per second")
	flags.Uint64Var(&t.seed, "seed", rand.Uint64(), "the seed of everything random") //nolint:gosec // not a secret
	if err := flags.Parse(args); err != nil {
		return err
	}
	if t.length <= 0 || t.length > 30*time.Minute || t.chats < 1 || t.rate < 1 {
		return fmt.Errorf("-for %v -chats %d -rate %d: give a time of at most 30m, because Telegram keeps a message no longer at this speed, and positive numbers", t.length, t.chats, t.rate)
	}
	for t.mode = range strings.SplitSeq(*modes, ",") {
		if !slices.Contains(modeNames, t.mode) {
			return fmt.Errorf("-mode %s: unknown; give some of %s", t.mode, strings.Join(modeNames, ", "))
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
