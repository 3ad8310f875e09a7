package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/forward"
	"github.com/tghook/tghook/cmd/tghook/internal/scrub"
)

const longForward = `forward gets the updates of a bot in service, and posts them to a URL as Telegram would: the
same bytes and headers, one after the other in each chat, with Telegram's retries. What the
webhook replies is executed by Telegram. The bot's own calls go to Telegram, as always.

An update is confirmed to Telegram after the webhook has answered 2xx. If forward is
killed before that, the update comes again at the next start.

If the bot has a webhook, forward refuses to start. With --take-over it deletes the webhook,
and puts it back at its end. For that it needs the webhook's secret, and its certificate if
one was uploaded, because Telegram does not tell them. If forward is killed, it says at its
next start what to do.

--ui shows each delivery with its request, answer and reply in the page of tghook dev.
What is done in the page happens there alone: people there are not real ones, and what they
write goes to the webhook, not to Telegram.

--record writes each update in a line of JSON, for tghook send. It replaces the names, ids,
phone numbers, e-mail addresses, bios, addresses, locations, files, invite links and payments
of people and chats, and what Telegram has marked as such in texts. Equal values stay equal.
With --record-no-texts it also replaces what people write: each letter becomes x and each digit
0; commands stay. Without it, a name that someone has written into a text stays there.
Dates, languages, bots, callback data and payloads always stay.
` + environmentHelp

// forwardFlags are the flags of forward.
type forwardFlags struct {
	webhookFlags

	to, record, hookSecretFile, hookCertificate, hookIP string
	connections                                         int
	takeOver, hookNoSecret, noTexts, ui                 bool
	uiListen                                            string
}

func newForward() *cobra.Command {
	f := new(forwardFlags)
	cmd := &cobra.Command{
		Use:   "forward --to URL",
		Short: "Pass on a real bot's updates to a local URL",
		Long:  longForward,
		Example: `  tghook forward --to http://127.0.0.1:3000/telegram --secret-file secret
  tghook forward --to http://127.0.0.1:3000/telegram --take-over --webhook-secret-file live-secret
  tghook forward --to http://127.0.0.1:3000/telegram --record updates.jsonl --record-no-texts`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.addToken(cmd)
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the webhook to post to")
	flags.IntVar(&f.connections, "max-connections", 0, "how many requests may be under way at once (default 40)")
	flags.BoolVar(&f.takeOver, "take-over", false, "delete the webhook that is set, and put it back at the end")
	flags.StringVar(&f.hookSecretFile, "webhook-secret-file", "", "read the secret of the webhook that is taken over from this file")
	flags.BoolVar(&f.hookNoSecret, "webhook-no-secret", false, "the webhook that is taken over has no secret")
	flags.StringVar(&f.hookCertificate, "webhook-certificate", "", "the certificate (PEM) that was uploaded for the webhook that is taken over")
	flags.StringVar(&f.hookIP, "webhook-ip-address", "", "the address that was set for the webhook that is taken over")
	flags.StringVar(&f.record, "record", "", "append the updates to this file, without what tells who people are")
	flags.BoolVar(&f.noTexts, "record-no-texts", false, "replace the letters and digits of texts in the record too")
	flags.BoolVar(&f.ui, "ui", false, "show each delivery in the page of tghook dev")
	flags.StringVar(&f.uiListen, "ui-listen", "127.0.0.1:8081", "the address of that page")
	_ = cmd.MarkFlagRequired("to")
	cmd.MarkFlagsMutuallyExclusive("webhook-secret-file", "webhook-no-secret")
	return cmd
}

func (f *forwardFlags) run(cmd *cobra.Command) (err error) {
	cfg := forward.Config{MaxConnections: f.connections}
	if cfg.Target, err = f.target(f.to); err != nil {
		return err
	}
	if cfg.Bot, err = f.client(nil); err != nil {
		return err
	}
	if cfg.TakeOver, err = f.takingOver(); err != nil {
		return err
	}
	if cfg.Ledger, err = f.ledger(); err != nil {
		return err
	}
	if f.noTexts && f.record == "" {
		return usage("--record-no-texts: there is no record; give --record")
	}
	if f.record != "" {
		file, err := os.OpenFile(f.record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return usage("--record: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		cfg.Record, cfg.Scrubber = file, scrub.New()
		cfg.Scrubber.Texts = f.noTexts
	}
	o := outputOf(cmd)
	cfg.Deliver = func(l forward.Line) { _ = o.print(l, o.line(l)) }
	cfg.Tell = func(text string) { fmt.Fprintln(o.errs, "tghook:", cfg.Ledger.Hide(text)) }
	me, err := cfg.Bot.GetMe(cmd.Context())
	if err != nil {
		return err
	}
	cfg.Tell(fmt.Sprintf("passing the updates of @%s on to %s; Ctrl-C ends it", me.Username, cfg.Target))
	if f.ui {
		page := &forward.Page{Listen: f.uiListen, Username: me.Username, WebhookHosts: []string{cfg.Target.Host()}, Tell: cfg.Tell}
		defer page.Close()
		cfg.Server = page.Start
	}
	err = forward.Run(cmd.Context(), cfg)
	var refused *forward.RefusedError
	var address *net.OpError
	switch {
	case errors.As(err, &refused):
		return usage("%w", err)
	case f.ui && errors.As(err, &address) && address.Op == "listen":
		return usage("--ui-listen: %w; give another address, such as 127.0.0.1:0", err)
	}
	return err
}

// takingOver returns what --take-over and its flags say; nil without it.
func (f *forwardFlags) takingOver() (*forward.TakeOver, error) {
	if !f.takeOver {
		if f.hookSecretFile != "" || f.hookNoSecret || f.hookCertificate != "" || f.hookIP != "" {
			return nil, usage("the flags --webhook-... are for a webhook that is taken over; give --take-over too")
		}
		return nil, nil
	}
	t := &forward.TakeOver{NoSecret: f.hookNoSecret, IPAddress: f.hookIP}
	var err error
	if f.hookSecretFile != "" {
		if t.Secret, err = given("--webhook-secret-file", f.hookSecretFile, ""); err != nil {
			return nil, err
		}
	}
	if f.hookCertificate != "" {
		if t.Certificate, err = os.ReadFile(f.hookCertificate); err != nil {
			return nil, usage("--webhook-certificate: %w", err)
		}
	}
	return t, nil
}

// ledger returns where webhooks that were taken over are kept.
func (f *forwardFlags) ledger() (forward.Ledger, error) {
	token, err := f.token()
	if err != nil {
		return forward.Ledger{}, err
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return forward.Ledger{}, fmt.Errorf("find the directory for settings: %w; set HOME or XDG_CONFIG_HOME", err)
	}
	return forward.Ledger{Dir: filepath.Join(dir, "tghook"), Token: token}, nil
}

// line is an attempt as people read it.
func (o output) line(l forward.Line) string {
	s := fmt.Sprintf("%s  %-10d %-22s ", l.At.Format(time.TimeOnly), l.UpdateID, l.Kind)
	took := l.Took.Round(time.Millisecond / 10).String()
	switch {
	case l.Delivered:
		s += o.paint(fmt.Sprintf("%d in %s", l.Status, took), color.FgGreen)
	case l.Error != "":
		s += o.paint(l.Error, color.FgRed) + " after " + took
	default:
		s += o.paint("the connection was closed without an answer", color.FgRed) + " after " + took
	}
	if l.Attempt > 1 {
		s += fmt.Sprintf(", attempt %d", l.Attempt)
	}
	if l.Dropped {
		s += ", given up"
	}
	if l.Reply != "" {
		s += ", reply " + l.Reply
	}
	if l.Refused != "" {
		s += ", " + o.paint(strings.TrimSuffix("refused: "+l.Refused, "."), color.FgRed)
	}
	return s
}
