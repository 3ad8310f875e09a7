// Replicas delivers updates to a bot whose processes are killed again and again, as is the
// Store that they share, and checks that the bot keeps its promise.
//
//	go run . -for 10m
//
// A simulated Telegram sends messages of many chats, with Telegram's real rules for
// retries. There is one trial for each mode. In the modes webhook and poll the bot is one
// process without a Store. In the others it is two processes that share a Store: Redis,
// PostgreSQL or SQLite. A front gives Telegram's connections to the processes in turn.
//
// A seed decides when a process is killed by SIGKILL, asked to stop, or stopped by SIGSTOP for
// longer than its lease. A process that has ended is started again. The server of the Store
// is killed by SIGKILL and started again too, and some of its answers are lost.
//
// A trial succeeds if all of this is true:
//
//   - Every update was handled at least once, and Telegram got its reply.
//   - In each process the updates of a chat were handled one at a time, in their order. In
//     all processes together, updates of a chat were first handled in their order.
//   - No update ran again in a process that had handled it, or after the Store had taken its
//     success.
//   - An update ran twice at once only if the lease of the first run had run out. Then the
//     Store refused the first one's success, and Telegram did not get its reply.
//   - No claim was lost before its lease had run out.
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

	"github.com/tghook/tghook/internal/test/fleet"
)

func main() {
	fleet.Join(receive)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

// run runs the trials that args name.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("replicas", flag.ContinueOnError)
	var t trial
	names := flags.String("mode", strings.Join(modeNames, ","), "the trials to run, one after the other")
	flags.DurationVar(&t.length, "for", time.Minute, "how long a trial makes faults, at most 30m")
	flags.IntVar(&t.chats, "chats", 50, "the number of chats")
	flags.IntVar(&t.rate, "rate", 100, "updates per second")
	flags.DurationVar(&t.lease, "lease", 5*time.Second, "how long a claim in the Store holds")
	flags.Uint64Var(&t.seed, "seed", rand.Uint64(), "the seed of everything random") //nolint:gosec // not a secret
	if err := flags.Parse(args); err != nil {
		return err
	}
	if t.length <= 0 || t.length > 30*time.Minute || t.chats < 1 || t.rate < 1 || t.lease < time.Second {
		return fmt.Errorf("-for %v -chats %d -rate %d -lease %v: give a time of at most 30m, because Telegram keeps a message no longer at this speed, positive numbers, and a lease of at least 1s", t.length, t.chats, t.rate, t.lease)
	}
	for t.mode = range strings.SplitSeq(*names, ",") {
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
