package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/doctor"
	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	botFlags

	url, certificate, update, error string
	kinds                           []string
	dry, quick, list                bool
}

func newDoctor() *cobra.Command {
	f := new(doctorFlags)
	cmd := &cobra.Command{
		Use:   "doctor [--url URL]",
		Short: "Find out why a webhook does not work",
		Long: `Doctor asks the server of a webhook as Telegram's sender would, and names each fault that it
finds, with what it has seen and how to mend it. With the token it asks Telegram too. Without
--url it examines the webhook that is set. --list shows all that it looks for.

Its probes are some 40 small updates, and one of 1 MiB. They are of a kind that Telegram does
not have, with an update_id below Telegram's own. They have no chat and no user, so a handler
for messages, buttons or another kind does not run. To see how long your bot takes and what it
replies, give an update of your own with --update. --dry sends no update. If no webhook is
set, doctor polls once to find another program that polls; that one may log one conflict (409).

For a webhook on this machine, as with tghook dev, set TELEGRAM_API_LOCAL=true. Otherwise
doctor ends at the URL, because Telegram's own servers cannot reach it.

With --error it explains a text of getWebhookInfo (last_error_message) or of a refused call,
and looks nowhere.

It takes a minute, because Telegram keeps an idle connection for that long. --quick takes
some seconds.

Doctor ends with 1 if it has found a fault, and with 0 if it has found none, or has advice
alone.
` + environmentHelp,
		Example: `  tghook doctor --url https://bot.example.org/telegram --secret-file secret
  tghook doctor --quick
  tghook doctor --error "Wrong response from the webhook: 404 Not Found"
  tghook doctor --url https://bot.example.org/telegram --dry
  tghook doctor --update update.json --kinds message,callback_query`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.addToken(cmd)
	f.addSecret(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the address of the webhook (without it: TELEGRAM_WEBHOOK_URL, then the one that is set)")
	flags.StringVar(&f.error, "error", "", "explain this text of Telegram, and look nowhere")
	flags.StringVar(&f.certificate, "certificate", "", "the PEM file that was uploaded with setWebhook, if one was")
	flags.StringVar(&f.update, "update", "", "post the update in this file too; your bot handles it")
	flags.StringSliceVar(&f.kinds, "kinds", nil, "the kinds of update that the bot handles, to compare with allowed_updates (without it: TELEGRAM_ALLOWED_UPDATES)")
	flags.BoolVar(&f.dry, "dry", false, "send no update, and do not poll")
	flags.BoolVar(&f.quick, "quick", false, "leave out what takes long")
	flags.BoolVar(&f.list, "list", false, "list all faults that are looked for")
	cmd.MarkFlagsMutuallyExclusive("error", "url", "list")
	return cmd
}

func (f *doctorFlags) run(cmd *cobra.Command) error {
	out := outputOf(cmd)
	switch {
	case f.error != "":
		return explain(out, f.error)
	case f.list:
		return list(out)
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	warnOfKinds(out, "--kinds", cfg.Kinds)
	cfg.Progress = func(text string) { fmt.Fprintln(out.errs, text) }
	report, err := doctor.Examine(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if err := out.print(report, painted(out, report.Text())); err != nil {
		return err
	}
	if !report.Healthy {
		return errFailed
	}
	return nil
}

// painted colours the verdicts in a report.
func painted(out output, text string) string {
	return strings.NewReplacer(
		"FAULT  ", out.paint("FAULT", color.FgRed, color.Bold)+"  ",
		"ADVICE  ", out.paint("ADVICE", color.FgYellow, color.Bold)+"  ",
		"HEALTHY  ", out.paint("HEALTHY", color.FgGreen, color.Bold)+"  ",
	).Replace(text)
}

// explain explains a text of Telegram.
func explain(out output, text string) error {
	about, known := lasterror.Explain(text)
	if !known {
		return usage("--error: Telegram's server has no such text; copy last_error_message of getWebhookInfo, such as \"Wrong response from the webhook: 404 Not Found\"")
	}
	return out.print(about, fmt.Sprintf("%s\n  it means:    %s\n  to mend it:  %s", about.Error, about.Meaning, about.Mend))
}

// list prints what the doctor looks for.
func list(out output) error {
	for _, d := range doctor.Table() {
		text := fmt.Sprintf("%s  %s\n    it %s\n    %s\n    mend:  %s\n", d.Diagnosis, d.Question, d.Probe, d.Sentence, d.Mend)
		if err := out.print(d, text); err != nil {
			return err
		}
	}
	return nil
}

// config makes the configuration out of the flags and the environment.
func (f *doctorFlags) config() (cfg doctor.Config, err error) {
	run, err := environment("API_LOCAL", "ALLOWED_UPDATES")
	if err != nil {
		return cfg, err
	}
	cfg = doctor.Config{URL: run.URL, Local: run.Client.Local, Kinds: run.AllowedUpdates, Dry: f.dry, Quick: f.quick}
	if f.url != "" {
		cfg.URL = f.url
	}
	if len(f.kinds) > 0 {
		cfg.Kinds = kindsOf(f.kinds)
	}
	if cfg.Secret, err = f.secret(); err != nil {
		return cfg, err
	}
	if f.certificate != "" {
		if cfg.Certificate, err = os.ReadFile(f.certificate); err != nil {
			return cfg, usage("--certificate: %w", err)
		}
	}
	if f.update != "" {
		if cfg.Update, err = updateIn(f.update); err != nil {
			return cfg, err
		}
	}
	token, err := f.token()
	if err != nil {
		return cfg, err
	}
	switch {
	case token == "" && cfg.URL == "":
		return cfg, usage("nothing to examine: give --url, or the token (TELEGRAM_TOKEN or --token-file) to examine the webhook that is set")
	case token == "":
		return cfg, nil
	}
	transcript := new(webhook.Transcript)
	if cfg.Client, err = f.client(transcript); err != nil {
		return cfg, err
	}
	cfg.Ahead = transcript.Ahead
	return cfg, nil
}

// updateIn returns the update in a file.
func updateIn(file string) ([]byte, error) {
	content, err := os.ReadFile(file) //nolint:gosec // reading the file that it names is what the flag is for
	if err != nil {
		return nil, usage("--update: %w", err)
	}
	var update struct {
		ID *int64 `json:"update_id"`
	}
	if err := json.Unmarshal(content, &update); err != nil || update.ID == nil {
		return nil, usage("--update: the file does not hold an update: a JSON object with an update_id, as getUpdates returns it")
	}
	return content, nil
}
