// Package dev puts together what tghook dev runs: the desk, the bot's process, its webhook
// and the demo bot.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/child"
	"github.com/tghook/tghook/cmd/tghook/internal/demo"
	"github.com/tghook/tghook/cmd/tghook/internal/desk"
	"github.com/tghook/tghook/cmd/tghook/internal/page"
	"github.com/tghook/tghook/cmd/tghook/internal/state"
	"github.com/tghook/tghook/tghooktest"
)

// madeUp is the token of the bot if the environment has none.
const madeUp = "7000000001:tghook-dev-bot--a-made-up-token-000"

// MaxSpeed is the highest speed of the desk.
const MaxSpeed = desk.MaxSpeed

// Config says what to run.
type Config struct {
	Desk desk.Config
	// Command starts the bot. If empty, the user starts it.
	Command []string
	// Watch restarts the bot when its sources change.
	Watch bool
	// Webhook is the URL to which the bot gets its updates. If it is a path, the port is
	// that on which the bot listens. If empty, the bot polls or calls setWebhook itself.
	Webhook string
	// Secret is the secret of the webhook; empty for none.
	Secret string
	// Demo runs the demo bot.
	Demo bool
	// State is the path of the file that keeps all that is on the desk; empty for none.
	State string
	// Output gets what the bot prints, and what happens to it.
	Output io.Writer
}

// Session is a running tghook dev.
type Session struct {
	cfg     Config
	desk    *desk.Desk
	child   *child.Child // nil if the user starts the bot
	token   string
	given   bool // the token is the user's own
	ca      string
	client  *http.Client
	webhook *webhook
	state   *state.File // nil without Config.State
}

// MistakeError is a flag with a value that cannot be.
type MistakeError struct {
	Flag    string // empty if the problem names it
	Problem string
}

func (m *MistakeError) Error() string {
	if m.Flag == "" {
		return m.Problem
	}
	return m.Flag + ": " + m.Problem
}

// Start starts the desk. Run runs the bot, and Close ends the desk.
func Start(ctx context.Context, cfg Config) (*Session, error) {
	s := &Session{cfg: cfg}
	if err := checkWebhook(cfg); err != nil {
		return nil, err
	}
	if len(cfg.Command) > 0 {
		var err error
		s.child, err = child.New(child.Config{Command: cfg.Command, Watch: cfg.Watch, Output: cfg.Output})
		if err != nil {
			return nil, &MistakeError{"--", err.Error()}
		}
	}
	s.token, s.given = madeUp, false
	if token, _ := child.Token(os.Environ()); token != "" {
		s.token, s.given = token, true
	}
	s.cfg.Desk.Command, s.cfg.Desk.Webhook = cfg.Command, cfg.Webhook
	var err error
	if s.cfg.Desk.Page, err = page.New(); err != nil {
		return nil, err
	}
	if cfg.State != "" {
		if s.state, err = state.Open(cfg.State); err != nil {
			return nil, &MistakeError{"", err.Error()}
		}
	}
	s.cfg.Desk.Child, s.cfg.Desk.State = s.child, s.state
	if s.desk, err = desk.Start(s.cfg.Desk); err != nil {
		return nil, errors.Join(listenError(cfg.Desk.Listen, err), s.closeState())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// listenError names the flag if the address is the problem.
func listenError(listen string, err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &MistakeError{"--listen", listen + " is in use, perhaps by another tghook dev; end that one, or give another port, such as --listen 127.0.0.1:8082"}
	case errors.Is(err, syscall.EACCES):
		return &MistakeError{"--listen", listen + " is not allowed for this user; give a port above 1023"}
	case strings.Contains(err.Error(), "other machines can reach"):
		return &MistakeError{"--listen", "other machines can reach " + listen + "; listen on 127.0.0.1, or give --host the name by which they call this machine"}
	case errors.As(err, &op):
		return &MistakeError{"--listen", listen + " cannot be listened on: " + op.Err.Error() + "; give host:port, such as 127.0.0.1:8081"}
	case strings.Contains(err.Error(), "ServerConfig.State: "):
		_, problem, _ := strings.Cut(err.Error(), "ServerConfig.State: ")
		return &MistakeError{"--state", problem + "; give the name of a new file"}
	case strings.Contains(err.Error(), "ServerConfig."):
		return &MistakeError{"", inFlags.Replace(err.Error())}
	}
	return err
}

// inFlags writes the fields of the Server as flags.
var inFlags = strings.NewReplacer("tghooktest: ", "", "ServerConfig.Listen", "--listen", "ServerConfig.WebhookHosts", "--webhook-host", "ServerConfig.Hosts", "--host")

// prepare does what comes before the bot starts.
func (s *Session) prepare(ctx context.Context) error {
	s.client = http.DefaultClient
	if s.cfg.Desk.TLS {
		var err error
		if s.ca, s.client, err = writeAuthority(s.desk.URL(), s.desk.CA()); err != nil {
			return err
		}
	}
	if s.child == nil && s.cfg.Webhook == "" {
		return nil // the bot comes by itself
	}
	bot, err := s.bot(s.token)
	if err != nil {
		return err
	}
	if _, err := bot.GetMe(ctx); err != nil { // the first call makes the bot: the page shows it at once
		return fmt.Errorf("the token in the environment: %w", err)
	}
	if s.cfg.Webhook == "" {
		return nil
	}
	s.webhook = &webhook{client: bot, target: s.cfg.Webhook, secret: s.cfg.Secret}
	if s.webhook.needsPort() {
		return nil
	}
	return s.webhook.set(ctx, 0)
}

// Close ends the desk, and saves what it has if there is a file for that.
func (s *Session) Close() error {
	s.desk.Close()
	return s.closeState()
}

func (s *Session) closeState() error {
	if s.state == nil {
		return nil
	}
	return s.state.Close()
}

// URL is the base URL of all that the desk serves, without a slash at its end.
func (s *Session) URL() string { return s.desk.URL() }

// CA is the file with the certificate of the authority; empty without --https.
func (s *Session) CA() string { return s.ca }

// Token is a token that was made up for the bot. It is empty if the environment has one.
func (s *Session) Token() string {
	if s.given {
		return ""
	}
	return madeUp
}

// Run runs the bot, if there is one to run, until ctx ends.
func (s *Session) Run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	if s.child != nil {
		group.Go(func() error { return s.runChild(running) })
	}
	if s.cfg.Demo {
		group.Go(func() error { return s.runDemo(running) })
	}
	group.Go(func() error {
		<-running.Done()
		return nil
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		return err
	}
	return nil // it was told to end
}

func (s *Session) runChild(ctx context.Context) error {
	ports := newPorts()
	s.child.Observe(child.Observer{State: ports.observe})
	env := child.Environment(os.Environ(), s.URL(), s.token, s.ca)
	if s.cfg.Secret != "" {
		env = append(env, "TELEGRAM_SECRET="+s.cfg.Secret)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.child.Run(ctx, env) })
	group.Go(func() error {
		s.follow(ctx, ports)
		return nil
	})
	return group.Wait()
}

// runDemo runs the demo bot. A user has pressed Start there, so that the page shows
// something at once.
func (s *Session) runDemo(ctx context.Context) error {
	bot, err := s.bot(demo.Token)
	if err != nil {
		return err
	}
	_, _ = s.desk.AddBot(tghooktest.BotConfig{Token: demo.Token, Username: "demo_bot"}) // with State it is there already
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return demo.Run(ctx, bot) })
	group.Go(func() error {
		if err := s.pressStart(ctx, bot); err != nil && ctx.Err() == nil {
			s.say(fmt.Sprintf("nobody has written to the demo bot yet: %v", err))
		}
		return nil
	})
	return group.Wait()
}

// bot returns a client for the bot with a token.
func (s *Session) bot(token string) (*tghook.Client, error) {
	bot, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: s.URL(), Local: true, HTTP: s.client})
	if err != nil {
		return nil, fmt.Errorf("the token in the environment: %w", err)
	}
	return bot, nil
}

func (s *Session) say(text string) {
	if s.cfg.Output != nil {
		fmt.Fprintln(s.cfg.Output, "tghook:", text)
	}
}

// Next says what to do next.
func (s *Session) Next() string {
	switch {
	case s.child != nil && s.webhook != nil && s.webhook.needsPort():
		return "Write to your bot on the page. Its updates go to " + s.cfg.Webhook + " on the port that it opens."
	case s.child != nil:
		return "Write to your bot on the page. Its command is " + strings.Join(s.cfg.Command, " ") + "."
	case s.webhook != nil && s.given:
		return "Start your bot, and write to it on the page."
	case s.webhook != nil:
		return "Start your bot with the token " + madeUp + ", and write to it on the page."
	case s.cfg.Demo:
		return "Open the page and write to the demo bot. Your own bot can come too, with any token."
	}
	return "Start your bot with any token, such as " + madeUp + ", and write to it on the page. For the line to paste: --for LIBRARY."
}
