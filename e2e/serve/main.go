// Serve checks and measures `tghook serve`, the gateway for bots in any language. It runs the
// command as a process, between a simulated Telegram and bots.
//
//	go run ./e2e/serve -engine postgres
//	go run ./e2e/serve -measure
//	go run ./e2e/serve -isolation
//
// The first kills processes. The simulated Telegram sends messages of many chats, with Telegram's
// real rules for retries; with -poll, the gateways ask for them. The bot is a process of its own: it
// notes each update on its disk, and then answers. It refuses some updates at first, takes longer for
// some, and answers some with a webhook reply. With SQLite there is one gateway. With PostgreSQL there
// are two, side by side. The bot, a gateway and the database are killed by SIGKILL in turn, and
// started again at once. The trial succeeds if all of these hold:
//
//   - Every update has reached a bot that answered 2xx, none is a dead letter, and Telegram has
//     given none up.
//   - The updates of a chat have arrived in their order. An update that has arrived again has
//     followed directly on itself.
//   - An update has arrived again only if the bot, the gateway that had sent it, or the database was
//     killed before the answer was seen. The figures say how many of each.
//   - Telegram got each webhook reply.
//   - No gateway has ended on its own.
//
// With -gentle nothing is killed: gateways are asked to end, and started again, or read a changed
// configuration. They must end within ten seconds. An update may arrive twice only if its gateway could
// not wait at its end for the answer, or could not note it. In all trials the longest stall of the bot
// comes on top of such times.
//
// The second measures how long updates take from Telegram to the bot, and how many can pass, through
// the gateway and through nginx. A sender in this process sends the bytes that Telegram sends. At a
// given rate it sends each update when its time has come, whatever has become of those before. The
// bot is in this process too, so that one clock measures.
//
// The third runs 50 bots behind one gateway, and measures how long the updates of 47 of them take. The
// other three behave for a while; then one hangs, one gets many updates, and one fails; and so on.
package main

import (
	"context"
	"errors"
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
	fleet.Join(runBot)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	removeCommand()
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// run does what args ask for.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	t := trial{patience: stuckAfter, tell: func(k kill) { fmt.Fprintf(out, "\t%v\n", k) }}
	names := flags.String("engine", strings.Join(engineNames, ","), "the engines of the gateway's storage, one after the other")
	flags.IntVar(&t.updates, "updates", 20_000, "the number of updates")
	flags.IntVar(&t.chats, "chats", 500, "the number of chats")
	flags.IntVar(&t.kills, "kills", 100, "how often each process is killed")
	flags.IntVar(&t.rate, "rate", 200, "updates per second")
	flags.BoolVar(&t.poll, "poll", false, "the gateways poll, in place of webhooks")
	flags.BoolVar(&t.gentle, "gentle", false, "ask gateways to end or to read a changed configuration, in place of all kills; then nothing may arrive twice")
	flags.Uint64Var(&t.seed, "seed", rand.Uint64(), "the seed of everything random") //nolint:gosec // not a secret
	flags.StringVar(&t.breakage, "break", "", "break a rule between the gateway and the bot, to see that the trial finds it: "+strings.Join(breakageNames(), "; "))
	measures := flags.Bool("measure", false, "measure latency and throughput beside nginx")
	isolates := flags.Bool("isolation", false, "measure whether bots are safe from a bot that hangs, one that floods and one that fails")
	flood := flags.Float64("flood", 500, "with -isolation: updates per second of the bot that floods")
	lasts := flags.Duration("for", 20*time.Second, "with -measure: how long each part lasts; with -isolation: how long the bots are measured with the bad ones, and without")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *lasts <= 0 || *flood <= 0:
		return fmt.Errorf("-for %v -flood %v: give positive values", *lasts, *flood)
	case *measures:
		return measurement{rates: []float64{10, 100, 1000}, lasts: *lasts}.run(ctx, out)
	case *isolates:
		const phase = 4 * time.Second // short, so that what else the machine does meets both sorts of phases
		r, err := isolation{bots: 50, rate: 100, flood: *flood, phases: max(1, int(*lasts/phase)), lasts: min(*lasts, phase)}.run(ctx)
		fmt.Fprint(out, r)
		return err
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
		f, err := t.run(ctx)
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", t.engine, t.seed, err)
		}
		fmt.Fprintf(out, "%s, seed %d, in %v:\n%v", t.engine, t.seed, time.Since(started).Round(time.Second), f.String())
		if err := f.err(); err != nil {
			return err
		}
	}
	return nil
}

// mistake says which setting has no meaning.
func (t trial) mistake() error {
	switch {
	case t.updates < 1 || t.chats < 1 || t.kills < 0 || t.rate < 1:
		return fmt.Errorf("-updates %d -chats %d -kills %d -rate %d: give positive numbers", t.updates, t.chats, t.kills, t.rate)
	case t.breakage != "" && breakages[t.breakage] == nil:
		return errors.New("-break " + t.breakage + ": unknown; give one of " + strings.Join(breakageNames(), "; "))
	}
	return nil
}
