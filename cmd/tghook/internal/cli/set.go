package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

// setFlags are the flags of set. Where one is missing, its variable counts.
type setFlags struct {
	botFlags

	url, ip, certificate          string
	allowed                       []string
	connections                   int
	drop, insecure, reset, dryRun bool
}

func newSet() *cobra.Command {
	f := new(setFlags)
	cmd := &cobra.Command{
		Use:   "set --url URL",
		Short: "Set the webhook, and say what that changes",
		Long: `Set sets the webhook of a bot. It says what will change, calls setWebhook and says what has
changed. It may be called again and again: if all is so already, Telegram changes nothing.

What no flag and no variable gives becomes Telegram's default. The exception is
allowed_updates, which stay as they are.

Telegram does not tell the secret that is set. Set therefore always calls setWebhook;
Telegram says whether the call changed anything.
` + environmentHelp + `
  TELEGRAM_WEBHOOK_URL, TELEGRAM_ALLOWED_UPDATES, TELEGRAM_MAX_CONNECTIONS,
  TELEGRAM_IP_ADDRESS, TELEGRAM_UPLOAD_CERT_FILE, TELEGRAM_DROP_PENDING
                             as the flags of these names`,
		Example: `  tghook set --url https://bot.example.org/telegram --secret-file secret
  tghook set --url https://bot.example.org/telegram --allowed-updates message,callback_query,chat_member
  tghook set --url https://203.0.114.7:8443/telegram --certificate public.pem
  tghook set --url https://bot.example.org/telegram --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.addToken(cmd)
	f.addSecret(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "where Telegram sends updates to")
	flags.StringVar(&f.certificate, "certificate", "", "upload this public certificate (PEM), if no public authority has issued it")
	flags.StringVar(&f.ip, "ip-address", "", "the IPv4 address to connect to, in place of the one in the DNS")
	flags.IntVar(&f.connections, "max-connections", 0, "how many requests Telegram may make at once")
	flags.StringSliceVar(&f.allowed, "allowed-updates", nil, "the kinds of update that the bot gets; \"all\" for every kind, \"default\" for Telegram's default")
	flags.BoolVar(&f.drop, "drop-pending", false, "drop the updates that wait to be delivered")
	flags.BoolVar(&f.insecure, "insecure-no-secret", false, "set no secret: anybody who finds the URL can send updates")
	flags.BoolVar(&f.reset, "reset", false, "set the webhook anew, though getWebhookInfo shows no difference (with --certificate)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say what would change")
	return cmd
}

// fieldFlags has the flag for each field of the library that an error may name.
var fieldFlags = map[string]string{
	"WebhookRequest.URL": "--url", "WebhookRequest.IPAddress": "--ip-address", "WebhookRequest.MaxConnections": "--max-connections",
	"WebhookRequest.SecretToken": "the secret", "WebhookRequest.AllowedUpdates": "--allowed-updates", "WebhookRequest.Certificate": "--certificate",
}

// request makes the request out of the flags and the environment.
func (f *setFlags) request() (req tghook.WebhookRequest, err error) {
	secret, err := f.secret()
	if err != nil {
		return req, err
	}
	run, err := environment("ALLOWED_UPDATES", "MAX_CONNECTIONS", "UPLOAD_CERT_FILE", "DROP_PENDING")
	if err != nil {
		return req, err
	}
	req = tghook.WebhookRequest{
		URL: run.URL, Certificate: run.Certificate, IPAddress: run.IPAddress, MaxConnections: run.MaxConnections,
		AllowedUpdates: run.AllowedUpdates, DropPending: run.DropPending || f.drop, SecretToken: secret, InsecureNoSecret: f.insecure, Reset: f.reset,
	}
	if f.url != "" {
		req.URL = f.url
	}
	if f.ip != "" {
		req.IPAddress = f.ip
	}
	if f.connections != 0 {
		req.MaxConnections = f.connections
	}
	if f.allowed != nil {
		req.AllowedUpdates = kindsOf(f.allowed)
	}
	if f.certificate != "" {
		if req.Certificate, err = os.ReadFile(f.certificate); err != nil {
			return req, usage("--certificate: %w", err)
		}
	}
	switch {
	case req.URL == "":
		return req, usage("no URL: give --url, or set TELEGRAM_WEBHOOK_URL, such as https://bot.example.org/telegram")
	case secret == "" && !f.insecure:
		return req, usage("no secret: set TELEGRAM_SECRET, or give --secret-file, with the secret that your bot checks; without a secret anybody who finds the URL can send updates (to do so all the same: --insecure-no-secret)")
	case secret != "" && f.insecure:
		return req, usage("--insecure-no-secret: there is a secret too; leave one of them out")
	}
	return req, nil
}

// warnOfKinds names the kinds that Telegram may not have.
func warnOfKinds(out output, flag string, kinds []string) {
	for _, kind := range kinds {
		if !slices.Contains(webhook.Kinds(), kind) {
			fmt.Fprintf(out.errs, "tghook: %s: %q is no kind of update that tghook knows; Telegram ignores a name that it does not know\n", flag, kind)
		}
	}
}

// kindsOf returns the kinds that a flag means.
func kindsOf(words []string) []string {
	switch {
	case len(words) == 1 && words[0] == "all":
		return webhook.Kinds()
	case len(words) == 1 && words[0] == "default":
		return []string{}
	}
	return words
}

// setResult is what set prints with --json.
type setResult struct {
	Planned   []webhook.Change `json:"planned"`
	Said      string           `json:"said,omitempty"` // Telegram's words
	Changed   []webhook.Change `json:"changed"`
	DryRun    bool             `json:"dry_run"`
	Status    webhook.Status   `json:"status"`
	SecretToo bool             `json:"secret_changed"` // nothing that Telegram shows has changed, and yet it set the webhook
}

func (f *setFlags) run(cmd *cobra.Command) error {
	req, err := f.request()
	if err != nil {
		return err
	}
	transcript := new(webhook.Transcript)
	client, err := f.client(transcript)
	if err != nil {
		return err
	}
	out, ctx, bot := outputOf(cmd), cmd.Context(), &looker{client: client}
	before, err := bot.look(ctx)
	if err != nil {
		return err
	}
	warnOfKinds(out, "--allowed-updates", req.AllowedUpdates)
	if err := mistakesOf(ctx, client, req); err != nil {
		return err
	}
	result := setResult{Planned: webhook.Plan(before, req, client.Config().Local), Changed: []webhook.Change{}, DryRun: f.dryRun, Status: before}
	if !out.json {
		fmt.Fprintln(out.out, planText(result.Planned))
	}
	if f.dryRun {
		return out.print(result, "--dry-run: nothing was changed")
	}
	if err := client.SetWebhook(ctx, req); err != nil {
		return explained(asFlags(err, fieldFlags), before)
	}
	result.Said = transcript.Description() // of setWebhook, or of getWebhookInfo, which has none
	after, err := bot.look(ctx)
	if err != nil {
		return fmt.Errorf("the webhook is set, and its state is unknown: %w", err)
	}
	result.Status, result.Changed = after, append(result.Changed, webhook.Changes(before, after)...)
	result.SecretToo = len(result.Planned) == 0 && result.Said == "Webhook was set"
	return out.print(result, result.text())
}

// mistakesOf returns the mistakes in the request. Nothing is sent: SetWebhook looks for them
// first, and its context has ended.
func mistakesOf(ctx context.Context, client *tghook.Client, req tghook.WebhookRequest) error {
	ended, end := context.WithCancel(ctx)
	end()
	mistakes := mistakesIn(client.SetWebhook(ended, req))
	if len(mistakes) == 0 {
		return nil
	}
	err := flagErrors(mistakes, fieldFlags)
	if cfg := client.Config(); cfg.BaseURL != "" && !cfg.Local {
		err = usage("%w\n        these are the rules of Telegram's own servers; for tghook dev, or a server with --local, set TELEGRAM_API_LOCAL=true", err)
	}
	return err
}

func planText(planned []webhook.Change) string {
	if len(planned) == 0 {
		return "nothing that Telegram shows will change"
	}
	return listed("will change", planned)
}

func listed(title string, all []webhook.Change) string {
	lines := make([]string, 1, 1+len(all))
	lines[0] = title + ":"
	for _, c := range all {
		lines = append(lines, "  "+c.String())
	}
	return strings.Join(lines, "\n")
}

func (r setResult) text() string {
	said := "the webhook was set already"
	switch {
	case r.SecretToo:
		said = "the webhook was set anew: the secret differed, or the fixed address"
	case r.Said != "":
		said = "Telegram says: " + r.Said
	}
	if len(r.Changed) > 0 {
		said += "\n" + listed("has changed", r.Changed)
	}
	return said + "\nlook at it:   tghook info\ntry it:       tghook doctor --url " + r.Status.URL
}

// explained adds to an error of setWebhook what it means, and that it may have deleted the
// webhook that was set before.
func explained(err error, before webhook.Status) error {
	var refused *tghook.APIError
	if err == nil || !errors.As(err, &refused) {
		return err
	}
	text := ""
	if about, known := lasterror.Explain(refused.Description); known {
		text = "\n        " + about.Meaning + "\n        " + about.Mend
	}
	if before.Set && refused.Code == 400 {
		text += "\n        Telegram deletes the previous webhook before it makes such a check: look at tghook info"
	}
	return fmt.Errorf("%w%s", err, text)
}

// looker asks Telegram for the state of a bot's webhook.
type looker struct {
	client *tghook.Client
	me     tghook.Me // asked for once
}

func (l *looker) look(ctx context.Context) (s webhook.Status, err error) {
	if l.me.ID == 0 {
		if l.me, err = l.client.GetMe(ctx); err != nil {
			return s, err
		}
	}
	info, err := l.client.GetWebhookInfo(ctx)
	if err != nil {
		return s, err
	}
	return webhook.StatusOf(l.me, info, time.Now()), nil
}
