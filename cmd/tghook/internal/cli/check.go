package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/check"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

const longCheck = `check posts made-up updates to a webhook receiver in any language, as Telegram does and as
others may. It says what Telegram would lose, repeat, or send again for a day.

The bot takes the updates for real ones. It answers chats that do not exist, so its calls of
the Bot API fail. Give it a token of a test bot, or the address of tghook dev. The ids of the
updates are below 2,000,000, which Telegram never gives out.

check sees what the receiver answers. With --api it serves a Bot API too: start the bot with
that address as its Bot API, and check also sees whether the handler runs twice for an update
that comes again, and whether the answer comes before the work is done. There each call
succeeds, with any token.

Exit status: 0 if there is no fault, 1 if there is one. Advice does not change it.`

func newCheck() *cobra.Command {
	var (
		flags    webhookFlags
		patience time.Duration
		junit    string
		long     bool
		api      string
	)
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Check a webhook receiver in any language",
		Long:  longCheck,
		Example: `  tghook check http://127.0.0.1:3000/telegram --secret-file secret.txt
  tghook check http://127.0.0.1:3000/telegram --secret-file secret.txt --api 127.0.0.1:8081
  tghook check https://bot.example.org/telegram --secret-file secret.txt --junit report.xml`,
		Args: oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := flags.target(args[0])
			if err != nil {
				return err
			}
			if patience <= 0 {
				return usage("--patience: %v is not a time to wait; give one such as 10s", patience)
			}
			cfg := check.Config{Target: target, Patience: patience, Long: long}
			if api != "" {
				if cfg.API, err = check.StartAPI(api); err != nil {
					return usage("--api: %w", err)
				}
				defer cfg.API.Close()
			}
			results, err := runCheck(cmd, cfg)
			if err == nil && junit != "" {
				err = writeFile(junit, func(w io.Writer) error { return check.WriteJUnit(w, target.String(), results) })
			}
			if err == nil && check.Failed(results) {
				err = errFailed
			}
			return err
		},
	}
	flags.add(cmd)
	cmd.Flags().DurationVar(&patience, "patience", 10*time.Second, "how long an answer may take; Telegram waits for 60s")
	cmd.Flags().StringVar(&junit, "junit", "", "also write a JUnit report to this `file`")
	cmd.Flags().StringVar(&api, "api", "", "serve a Bot API for the bot at this address, such as 127.0.0.1:8081")
	cmd.Flags().BoolVar(&long, "long", false, "also make the checks that take over a minute")
	return cmd
}

// runCheck checks a receiver and prints the report.
func runCheck(cmd *cobra.Command, cfg check.Config) ([]check.Result, error) {
	o := outputOf(cmd)
	done := func() {}
	cfg.Begin = func(name string) {
		done()
		done = o.progress("checking whether the webhook " + strings.ReplaceAll(name, "-", " "))
	}
	results, err := check.Run(cmd.Context(), cfg)
	done()
	for _, r := range results {
		if r.Verdict == check.Untried && !o.json {
			continue
		}
		if err := o.print(r, o.result(r)); err != nil {
			return results, err
		}
	}
	if err == nil && !o.json && len(results) > 0 {
		_, err = fmt.Fprintln(o.out, "\n"+summary(cfg.Target, results))
	}
	return results, err
}

// result is a result as people read it.
func (o output) result(r check.Result) string {
	marks := map[check.Verdict]string{
		check.OK: o.paint("ok     ", color.FgGreen), check.Fault: o.paint("FAULT  ", color.FgRed, color.Bold),
		check.Advice: o.paint("advice ", color.FgYellow), check.Unknown: o.paint("?      ", color.Faint),
	}
	line := marks[r.Verdict] + r.Sentence
	if r.Verdict == check.OK {
		return line
	}
	if r.Harm != "" {
		line += "\n       Else: " + harms[r.Harm]
	}
	line += "\n       Seen: " + r.Evidence
	if r.Mend != "" {
		line += "\n       Mend: " + r.Mend
	}
	return line
}

var harms = map[check.Harm]string{
	check.Lost:     "what Telegram takes for done may be lost.",
	check.Repeated: "Telegram repeats an update that may have been handled.",
	check.Stuck:    "Telegram sends the update again for up to a day, and holds back those behind it.",
	check.Open:     "others can send updates.",
	check.Slow:     "updates come later than they could.",
}

// oneURL is the rule for the arguments of check and load.
func oneURL(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("give one URL, that of the webhook: %s http://127.0.0.1:3000/telegram", cmd.CommandPath())
	}
	return nil
}

func summary(target *wire.Target, results []check.Result) string {
	n := map[check.Verdict]int{}
	for _, r := range results {
		n[r.Verdict]++
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %d of %d checks are ok", target, n[check.OK], len(results))
	for _, x := range []struct {
		v    check.Verdict
		text string
	}{{check.Fault, "have a fault"}, {check.Advice, "have advice"}, {check.Unknown, "could not be seen"}} {
		if n[x.v] > 0 {
			fmt.Fprintf(&s, ", %d %s", n[x.v], x.text)
		}
	}
	s.WriteString(".")
	if last := results[len(results)-1]; n[check.Untried] > 0 {
		fmt.Fprintf(&s, " %d were %s.", n[check.Untried], last.Evidence)
	}
	return s.String()
}

// writeFile writes a file and reports all errors of that.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name) //nolint:gosec // writing the file that it names is what the flag is for
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
