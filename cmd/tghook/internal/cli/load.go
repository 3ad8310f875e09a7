package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/check"
	"github.com/tghook/tghook/cmd/tghook/internal/load"
)

const longLoad = `load sends a webhook the traffic of many chats: messages, button presses, inline queries, edits
and others in the mix of a usual bot, most of them from a few chats. It sends them as Telegram
does: one after the other in each chat, on connections that stay open, at first on a single one,
and again after failures. It prints how long answers take, and what Telegram would have lost or
sent again.

First it makes the checks of tghook check, and ends if there is a fault. --no-check leaves
them out.

The bot takes the updates for real ones: see tghook check --help. Do not load a bot in
service.

Exit status: 0 if all updates were delivered at the first attempt, 1 if not.`

func newLoad() *cobra.Command {
	var (
		flags   webhookFlags
		cfg     load.Config
		noCheck bool
	)
	cmd := &cobra.Command{
		Use:   "load URL",
		Short: "Load a webhook receiver with realistic traffic",
		Long:  longLoad,
		Example: `  tghook load http://127.0.0.1:3000/telegram --secret-file secret
  tghook load http://127.0.0.1:3000/telegram --rate 500 --for 2m --chats 10000`,
		Args: oneURL,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			switch {
			case !(cfg.Rate > 0 && cfg.Rate <= 1e6):
				return usage("--rate: %v is not a number of updates a second; give one such as 100", cfg.Rate)
			case cfg.For <= 0:
				return usage("--for: %v is not a time; give one such as 30s", cfg.For)
			case cfg.Chats < 1 || cfg.Chats > 1e6:
				return usage("--chats: %d is not a number of chats; give one from 1 to 1000000", cfg.Chats)
			}
			if cfg.Target, err = flags.target(args[0]); err != nil {
				return err
			}
			if !noCheck {
				results, err := runCheck(cmd, check.Config{Target: cfg.Target})
				if err != nil {
					return err
				}
				if check.Failed(results) {
					fmt.Fprintln(cmd.ErrOrStderr(), "tghook: the webhook is not loaded, because of the faults above; --no-check loads it all the same")
					return errFailed
				}
			}
			return runLoad(cmd, cfg)
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.Float64Var(&cfg.Rate, "rate", 50, "updates a second")
	f.DurationVar(&cfg.For, "for", 30*time.Second, "how long updates are sent")
	f.IntVar(&cfg.Chats, "chats", 1000, "how many chats write")
	f.IntVar(&cfg.MaxConnections, "max-connections", 0, "how many requests may be under way at once (default 40)")
	f.Uint64Var(&cfg.Seed, "seed", 0, "the same seed makes the same updates")
	f.BoolVar(&noCheck, "no-check", false, "do not check the receiver first")
	return cmd
}

// runLoad sends the traffic and prints the report, also when Ctrl-C ends it early.
func runLoad(cmd *cobra.Command, cfg load.Config) error {
	o := outputOf(cmd)
	cfg.Progress = func(r load.Report) {
		fmt.Fprintf(o.errs, "%v: %d made, %d delivered, %d sent again, %d wait; answers %v\n",
			r.Took.Round(time.Second), r.Made, r.Delivered, r.Retried, r.Pending, r.Answer)
	}
	r, err := load.Run(cmd.Context(), cfg)
	if r.Made > 0 {
		err = errors.Join(o.print(r, r.String()), err)
	}
	if err == nil && r.Lost()+r.Retried+r.Pending > 0 {
		return errFailed
	}
	return err
}
