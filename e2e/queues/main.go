// Queues delivers updates to a bot with a queue, kills the bot's processes and the engine of the
// queue again and again, and checks that the bot keeps its promise.
//
//	go run ./e2e/queues -engine postgres
//
// A simulated Telegram sends messages of many chats, with Telegram's real rules for retries.
// A front passes the connections in turn to three receivers, which publish the updates. Four
// workers consume the updates. Each receiver and worker is a process. There is one trial for each
// engine: SQLite with all processes on one file, PostgreSQL, and PostgreSQL with handlers that
// write in the transactions of their updates.
//
// A seed decides which fault happens after how many updates: a receiver or a worker is killed
// by SIGKILL; a worker is asked to stop, or paused by SIGSTOP for longer than its lease; a
// receiver or a worker is cut off from the server, so that it gets neither a byte nor an error.
// The server is killed by SIGKILL twice. If the engine is a file, another program holds its lock
// instead. A process that has ended is started again.
//
// An update is completed when the engine has accepted the success of its handler. A trial
// succeeds if all of these hold:
//
//   - Every update was handled, and Telegram got its reply. Exactly the updates that their
//     handlers drop are dead letters.
//   - The updates of a chat were completed one at a time, in their order.
//   - The engine accepted the success of each update once, and only if no other worker had
//     started the update again.
//   - If an update was handled again after a success, the first run was in flight when its worker
//     was killed, paused or cut off, when the engine was away, or when its lease ran out because
//     the busy machine did not renew it. A kill of a receiver is no excuse.
//   - No lease was lost before it had run out.
//   - The writes of handlers in the transactions of their updates exist once for each update, in
//     the order of the chat.
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
	fleet.Join(serve)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "queues:", err)
		os.Exit(1)
	}
}

// run runs the trials that args name.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("queues", flag.ContinueOnError)
	t := trial{tell: func(f fault) { fmt.Fprintf(out, "\t%v\n", f) }}
	names := flags.String("engine", strings.Join(engineNames, ","), "the trials to run, one after the other")
	flags.IntVar(&t.updates, "updates", 20_000, "the number of updates")
	flags.IntVar(&t.chats, "chats", 500, "the number of chats")
	flags.IntVar(&t.faults, "faults", 40, "the number of faults")
	flags.BoolVar(&t.receiversOnly, "receivers-only", false, "all faults are kills of receivers")
	flags.IntVar(&t.rate, "rate", 200, "updates per second")
	flags.DurationVar(&t.work, "work", 0, "how long most handlers take")
	flags.DurationVar(&t.lease, "lease", 5*time.Second, "how long a worker has an update without renewing its lease")
	flags.Uint64Var(&t.seed, "seed", rand.Uint64(), "the seed of everything random") //nolint:gosec // not a secret
	flags.StringVar(&t.breakage, "break", "", "break a rule of the queue, to see that the trial finds it: "+strings.Join(breakageNames(), "; "))
	journal := flags.String("journal", "", "a file that gets all reports of the workers, one a line: worker, what, update, chat, lease and its age in ms")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *journal != "" {
		file, err := os.Create(*journal)
		if err != nil {
			return err
		}
		defer file.Close()
		t.journal = file
	}
	if err := t.mistake(); err != nil {
		return err
	}
	for t.engine = range strings.SplitSeq(*names, ",") {
		if !slices.Contains(engineNames, t.engine) {
			return fmt.Errorf("-engine %s: unknown; give some of %s", t.engine, strings.Join(engineNames, ", "))
		}
		fmt.Fprintf(out, "%s, seed %d:\n", t.engine, t.seed)
		started := time.Now()
		found, err := t.run(ctx)
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", t.engine, t.seed, err)
		}
		fmt.Fprintf(out, "%s, seed %d, in %v:\n%v", t.engine, t.seed, time.Since(started).Round(time.Second), found)
		if err := found.err(); err != nil {
			return err
		}
	}
	return nil
}

// mistake says which setting has no meaning.
func (t trial) mistake() error {
	switch {
	case t.updates < 1 || t.chats < 1 || t.faults < 0 || t.rate < 1:
		return fmt.Errorf("-updates %d -chats %d -faults %d -rate %d: give positive numbers", t.updates, t.chats, t.faults, t.rate)
	case t.lease < 3*time.Second:
		return fmt.Errorf("-lease %v: give at least 3s, which is the shortest of tghook.Consume", t.lease)
	case t.breakage != "" && breakages[t.breakage] == nil:
		return fmt.Errorf("-break %q: unknown; give one of %s", t.breakage, strings.Join(breakageNames(), "; "))
	}
	return nil
}
