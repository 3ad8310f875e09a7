package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

// infoFlags are the flags of info.
type infoFlags struct {
	botFlags

	watch   bool
	every   time.Duration
	metrics string
}

func newInfo() *cobra.Command {
	f := new(infoFlags)
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show the state of the webhook, also to Prometheus",
		Long: `Info shows what Telegram knows of a bot's webhook, with the meaning of the last error and how
to mend it. With --watch it looks again and again, and prints what has changed. With
--metrics it serves the state to Prometheus at http://ADDR/metrics.
` + environmentHelp,
		Example: `  tghook info
  tghook info --watch
  tghook info --metrics 127.0.0.1:9109 --every 15s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.addToken(cmd)
	cmd.Flags().BoolVarP(&f.watch, "watch", "w", false, "look again and again, and print what has changed")
	cmd.Flags().DurationVar(&f.every, "every", 2*time.Second, "how often --watch and --metrics look")
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at this address, such as 127.0.0.1:9109")
	return cmd
}

const shortestLook = 100 * time.Millisecond

func (f *infoFlags) run(cmd *cobra.Command) error {
	if f.every < shortestLook {
		return usage("--every: %v is too short; give %v or more", f.every, shortestLook)
	}
	client, err := f.client(nil)
	if err != nil {
		return err
	}
	out, ctx, bot := outputOf(cmd), cmd.Context(), &looker{client: client}
	if f.metrics == "" && !f.watch {
		status, err := bot.look(ctx)
		if err != nil {
			return err
		}
		return out.print(status, status.Text())
	}
	w := &watching{infoFlags: f, bot: bot, out: out, metrics: webhook.NewMetrics()}
	return w.run(ctx)
}

// watching is info with --watch or --metrics.
type watching struct {
	*infoFlags

	bot     *looker
	out     output
	metrics *webhook.Metrics
	last    webhook.Status
	seen    bool
	failed  string // the error of the last look
}

func (w *watching) run(ctx context.Context) error {
	ended := make(chan error, 1)
	if w.infoFlags.metrics != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", w.infoFlags.metrics)
		if err != nil {
			return usage("--metrics: %w; give a free address such as 127.0.0.1:9109", err)
		}
		server := &http.Server{Handler: w.metrics.Handler(), ReadHeaderTimeout: 10 * time.Second}
		defer server.Close()
		go func() { ended <- server.Serve(listener) }()
		fmt.Fprintf(w.out.errs, "metrics at http://%s/metrics\n", listener.Addr())
	}
	ticks := time.NewTicker(w.every)
	defer ticks.Stop()
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // the user has seen enough
		case err := <-ended:
			return err
		case <-ticks.C:
		}
	}
}

const lookTime = 30 * time.Second // for one look

// look asks for the state once. It prints the state the first time, and later the changes. An error
// that may pass is printed once.
func (w *watching) look(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	status, err := w.bot.look(asking)
	if ctx.Err() != nil {
		return nil
	}
	w.metrics.Observe(status, err)
	var refused *tghook.APIError
	switch {
	case errors.As(err, &refused) && (refused.Code == http.StatusUnauthorized || refused.Code == http.StatusNotFound):
		return err // the token is wrong, and stays so
	case err != nil:
		if w.failed != err.Error() {
			fmt.Fprintf(w.out.errs, "%s  %s; trying again\n", time.Now().Format(time.TimeOnly), message(err))
		}
		w.failed = err.Error()
		return nil
	}
	w.failed = ""
	before, first := w.last, !w.seen
	w.last, w.seen = status, true
	if !w.watch {
		return nil
	}
	if out := w.out; first {
		return out.print(status, status.Text())
	}
	return w.printChanges(before, status)
}

func (w *watching) printChanges(before, now webhook.Status) error {
	changed := webhook.Changes(before, now)
	if len(changed) == 0 {
		return nil
	}
	if out := w.out; out.json {
		return out.print(now, "")
	}
	for _, c := range changed {
		at := now.At.Local().Format(time.TimeOnly) //nolint:gosmopolitan // as the user's clock shows it
		if _, err := io.WriteString(w.out.out, at+"  "+c.String()+"\n"); err != nil {
			return err
		}
		if c.Field == "last_error" && now.LastError != nil && now.LastError.Meaning != "" {
			if _, err := fmt.Fprintf(w.out.out, "          it means: %s\n          to mend it: %s\n", now.LastError.Meaning, now.LastError.Mend); err != nil {
				return err
			}
		}
	}
	return nil
}
