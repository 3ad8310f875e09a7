package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/dev"
	"github.com/tghook/tghook/cmd/tghook/internal/snippet"
)

// devFlags are the flags of dev.
type devFlags struct {
	botFlags

	cfg     dev.Config
	library string
	noWatch bool
}

func newDev() *cobra.Command {
	f := new(devFlags)
	cmd := &cobra.Command{
		Use:   "dev [flags] [-- command ...]",
		Short: "Run a Telegram on your desk",
		Long: `Dev runs a simulated Telegram for bots in any language: the Bot API, a page with the chats,
and a control API for tests, all on one port of this machine. It needs no token, no tunnel
and no network. Any token is a bot at once, and several bots can run side by side.

Give the bot the address of the Bot API in place of https://api.telegram.org: --for says
where your library takes it. A bot that polls needs no more than that. A bot with a webhook
calls setWebhook as in production, with a URL such as http://localhost:3000/telegram, or
--webhook does it.

With a command after --, dev starts your bot. The address and a token are in its
environment under the names that libraries read, such as TELEGRAM_API_URL and BOT_TOKEN. The
bot starts again when a source file changes or when it crashes, what it prints is shown in
the inspector of the page, and it ends together with dev. Files that programs write, such as
.json, .db and .log, and folders such as node_modules and dist restart nothing.

Environment:
  TELEGRAM_TOKEN, TELEGRAM_BOT_TOKEN, BOT_TOKEN, TELOXIDE_TOKEN
                   the token for the command and for --webhook; without one it is made up
  TELEGRAM_SECRET  the secret of the webhook`,
		Example: `  tghook dev --demo                               a bot that shows what bots can do
  tghook dev --for grammy                         and the line to paste into a bot with grammY
  tghook dev -- npm start                         and your bot with its address in the environment
  tghook dev --webhook /telegram -- go run .      a bot with a webhook; its port is found
  tghook dev --webhook http://localhost:3000/tg   a bot with a webhook that runs already
  tghook dev --state bot.db --speed 60            keep chats; a minute passes in a second
  tghook dev --listen 127.0.0.1:0 --json          for tests: a free port, told as JSON`,
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at == 0 && len(args) == 0 {
				return usage("--: no command follows; write the one that starts your bot, such as tghook dev -- npm start")
			} else if len(args) > 0 && at != 0 {
				return usage("%q: dev takes no arguments; put -- before the command that starts your bot: tghook dev -- %s", args[0], strings.Join(args, " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cfg.Command = args
			return f.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.cfg.Desk.Listen, "listen", "127.0.0.1:8081", "where to listen, as host:port; port 0 is a free port")
	flags.StringSliceVar(&f.cfg.Desk.Hosts, "host", nil, "a name by which bots in containers call this machine, such as telegram; may be repeated")
	flags.StringSliceVar(&f.cfg.Desk.WebhookHosts, "webhook-host", nil, "a name that webhooks may be on besides this machine, such as bot; may be repeated")
	flags.StringVar(&f.library, "for", "", "print the line to paste into a bot with this library: "+strings.Join(snippet.Names(), ", "))
	flags.StringVar(&f.cfg.Webhook, "webhook", "", "send updates to this URL; with a command, a path is enough")
	f.addSecret(cmd)
	flags.BoolVar(&f.cfg.Demo, "demo", false, "run a small bot that shows what bots can do")
	flags.BoolVar(&f.noWatch, "no-watch", false, "do not restart the bot when files change")
	flags.BoolVar(&f.cfg.Desk.TLS, "https", false, "serve HTTPS, with an authority made for this run, for libraries that speak nothing else")
	flags.StringVar(&f.cfg.State, "state", "", "keep chats, files and pending updates in this file over restarts")
	_ = cmd.MarkFlagFilename("state")
	flags.Float64Var(&f.cfg.Desk.Speed, "speed", 1, "how many seconds pass on the desk in one second")
	flags.Uint64Var(&f.cfg.Desk.Seed, "seed", 0, "what decides all that is random")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions(snippet.Names(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// devAddresses is what dev prints with --json.
type devAddresses struct {
	BotAPI     string `json:"bot_api"`
	Page       string `json:"page"`
	ControlAPI string `json:"control_api"`
	Token      string `json:"token,omitempty"` // made up
	CA         string `json:"ca,omitempty"`
	Code       string `json:"code,omitempty"` // of --for
}

func (f *devFlags) run(cmd *cobra.Command) error {
	o := outputOf(cmd)
	if !(f.cfg.Desk.Speed > 0 && f.cfg.Desk.Speed <= dev.MaxSpeed) { // NaN is not
		return usage("--speed %v: time has to pass, but not too fast; give a number above 0 and up to %.0f, such as 60", f.cfg.Desk.Speed, dev.MaxSpeed)
	}
	if f.library != "" { // before anything starts
		if _, err := snippet.For(f.library, "http://"+f.cfg.Desk.Listen); err != nil {
			return usage("--for: %w", err)
		}
	}
	var err error
	if f.cfg.Secret, err = f.secret(); err != nil {
		return err
	}
	f.cfg.Watch, f.cfg.Output = !f.noWatch, o.errs
	f.cfg.Desk.Version = versionOf()
	done := o.progress("starting the desk")
	session, err := dev.Start(cmd.Context(), f.cfg)
	done()
	if err != nil {
		return devError(err)
	}
	if err := f.announce(o, session); err != nil {
		return errors.Join(err, session.Close())
	}
	err = devError(session.Run(cmd.Context()))
	done = o.progress("ending")
	err = errors.Join(err, session.Close())
	done()
	if err == nil && !o.json {
		fmt.Fprintln(o.errs, "tghook: ended")
	}
	return err
}

// devError makes the error of a flag one of usage.
func devError(err error) error {
	var mistake *dev.MistakeError
	if errors.As(err, &mistake) {
		return usage("%w", err)
	}
	return err
}

// announce prints where everything is.
func (f *devFlags) announce(o output, session *dev.Session) error {
	base := session.URL()
	a := devAddresses{BotAPI: base, Page: base + "/", ControlAPI: base + "/api/", Token: session.Token(), CA: session.CA()}
	lines := []string{
		o.paint("Bot API", color.Bold) + "  " + o.paint(base, color.FgCyan) + "  in place of https://api.telegram.org",
		o.paint("Page", color.Bold) + "     " + o.paint(base+"/", color.FgCyan) + "  open it in a browser",
		o.paint("Next", color.Bold) + "     " + session.Next(),
	}
	if a.CA != "" {
		lines = append(lines, o.paint("HTTPS", color.Bold)+"    start your bot with "+caLine(a.CA))
	}
	if f.library != "" {
		s, err := snippet.For(f.library, base)
		if err != nil {
			return usage("--for: %w", err)
		}
		a.Code = s.Code
		lines = append(lines, "", s.Language+", "+s.Library+":", "", indent(s.Code))
		if s.Note != "" {
			lines = append(lines, "", s.Note)
		}
		if s.HTTPSOnly && !f.cfg.Desk.TLS {
			lines = append(lines, "", s.Library+" speaks https alone: start tghook dev with --https.")
		}
	}
	return o.print(a, strings.Join(lines, "\n"))
}

// caLine is how a bot is told of the authority.
func caLine(file string) string {
	if strings.ContainsAny(file, " \t'\"$\\") {
		file = "'" + strings.ReplaceAll(file, "'", `'\''`) + "'"
	}
	return "NODE_EXTRA_CA_CERTS=" + file + " SSL_CERT_FILE=" + file
}

func indent(code string) string { return "    " + strings.ReplaceAll(code, "\n", "\n    ") }
