package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/send"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

const longSend = `send posts an update to a webhook as Telegram does, with its very headers, and prints the
answer and what Telegram would do with it: confirm the update, send it again and when, drop it,
execute the webhook reply, or refuse it and why.

KIND is a kind of update, such as message or callback_query; tghook send --list lists them.
FILE has updates in lines of JSON, such as tghook forward --record writes. They are posted in
their order, each of them once, the next one when the answer to the one before has come.

Without update_id=..., the id is a new one below 2,000,000, which Telegram never gives out.

Exit status: 0 if each update would be confirmed and each reply executed, 1 if not.`

// sendFlags are the flags of send.
type sendFlags struct {
	webhookFlags

	to       string
	set      []string
	count    int
	patience time.Duration
	list     bool
}

func newSend() *cobra.Command {
	f := new(sendFlags)
	cmd := &cobra.Command{
		Use:   "send KIND|FILE --to URL",
		Short: "Post an update to a URL as Telegram would",
		Long:  longSend,
		Example: `  tghook send message --to http://127.0.0.1:3000/telegram --set message.text=/start
  tghook send callback_query --to http://127.0.0.1:3000/telegram --set callback_query.data=buy:7 --secret-file secret
  tghook send updates.jsonl --to http://127.0.0.1:3000/telegram`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && !f.list {
				return usage("give one kind of update, such as message, or one file of updates")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return send.Kinds(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the webhook to post to")
	flags.StringArrayVar(&f.set, "set", nil, "change the update, such as message.text=hello or message.from.id=7; may be repeated")
	flags.IntVar(&f.count, "count", 1, "how many updates of the kind to post, each with an id of its own")
	flags.DurationVar(&f.patience, "patience", time.Minute, "how long an answer may take; Telegram waits for a minute")
	flags.BoolVar(&f.list, "list", false, "list the kinds of update")
	return cmd
}

func (f *sendFlags) run(cmd *cobra.Command, args []string) error {
	o := outputOf(cmd)
	if f.list {
		for _, kind := range send.Kinds() {
			if err := o.print(kind, kind); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case f.to == "":
		return usage("--to is missing; give the URL of the webhook")
	case f.count < 1:
		return usage("--count: %d is not a number of updates; give 1 or more", f.count)
	case f.patience <= 0:
		return usage("--patience: %v is not a time to wait; give one such as 1m", f.patience)
	}
	target, err := f.target(f.to)
	if err != nil {
		return err
	}
	failed := false
	post := func(update []byte) error {
		sent, err := f.post(cmd.Context(), o, target, update)
		if err != nil {
			return err
		}
		failed = failed || !sent.Verdict.Delivered || sent.Verdict.Refused != ""
		return o.print(sent, sent.String()+"\n")
	}
	if err := f.each(args[0], post); err != nil {
		return err
	}
	if failed {
		return errFailed
	}
	return nil
}

func (f *sendFlags) post(ctx context.Context, o output, target *wire.Target, update []byte) (send.Sent, error) {
	defer o.progress("waiting for the answer")()
	return send.Post(ctx, target, update, f.patience)
}

// each calls post with each update that the argument names.
func (f *sendFlags) each(arg string, post func([]byte) error) error {
	if slices.Contains(send.Kinds(), arg) {
		id := 1000 + rand.Int64N(1_900_000) //nolint:gosec // not a secret
		for i := range f.count {
			update, err := send.Make(arg, id+int64(i), f.set)
			if err != nil {
				return usage("--set: %w", err)
			}
			if err := post(update); err != nil {
				return err
			}
		}
		return nil
	}
	file, err := os.Open(arg) //nolint:gosec // reading the file that it names is what the argument is for
	if err != nil {
		return usage("%q is neither a kind of update nor a file that can be read; tghook send --list lists the kinds", arg)
	}
	defer func() { _ = file.Close() }()
	if len(f.set) > 0 || f.count != 1 {
		return usage("--set and --count are for a kind of update; the updates of a file are posted as they are")
	}
	if err := send.Read(file, post); err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fmt.Errorf("%s: %w", arg, err)
	}
	return nil
}
