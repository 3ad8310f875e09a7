// Package cli has the commands of tghook. A file is a command; the work is done by the
// packages beside this one.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses. They are part of what tghook help says.
const (
	exitOK     = 0
	exitFailed = 1 // the command has found something wrong: check, doctor
	exitUsage  = 2 // wrong flags, arguments or settings
	exitError  = 3 // the command could not do its work
	exitSignal = 130
)

// Main runs the command that the arguments name, until it ends or the process is told to
// stop by Ctrl-C or SIGTERM. It returns the exit status.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the process at once
	return Run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// Run is Main with all that a command gets from the process.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	errs = &sharedWriter{w: errs}
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return finish(ctx, root.ExecuteContext(ctx), errs)
}

// finish says what went wrong and returns the exit status.
func finish(ctx context.Context, err error, errs io.Writer) int {
	var status statusError
	var started startedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		if status.err != nil {
			fmt.Fprintln(errs, "tghook:", message(status.err))
		}
		return status.code
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitSignal
	}
	fmt.Fprintln(errs, "tghook:", message(err))
	if !errors.As(err, &started) {
		return exitUsage // cobra has found it before the command started
	}
	return exitError
}

// startedError is an error of a command that has started. Without it the arguments were
// wrong.
type startedError struct{ error }

func (e startedError) Unwrap() error { return e.error }

// message is the error without the names of the programs and packages at its beginning.
func message(err error) string {
	text := err.Error()
	for _, prefix := range []string{"tghook: ", "tghooktest: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" && os.Getenv("TELEGRAM_API_URL") != "" {
		text += "; is the server of TELEGRAM_API_URL running?"
	}
	return text
}

// statusError ends the process with a status of its own.
type statusError struct {
	code int
	err  error // printed; nil if all is said
}

func (e statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e statusError) Unwrap() error { return e.err }

// usage is the error of a wrong flag, argument or setting.
func usage(format string, args ...any) error {
	return statusError{exitUsage, fmt.Errorf(format, args...)}
}

// errFailed ends a command that has found something wrong and has said so.
var errFailed = statusError{code: exitFailed}

const longHelp = `tghook is a Telegram on your desk, a doctor for webhooks, and a gateway in production. It is for a
bot in any language.

Exit status:
  0    done
  1    check, doctor, send or load found something wrong
  2    wrong flags, arguments or settings
  3    the work could not be done
  130  ended by Ctrl-C before the work was done`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "tghook",
		Short:         "A Telegram on your desk, a doctor for webhooks, and a gateway",
		Long:          longHelp,
		Example:       "  tghook dev --demo           a chat in the browser with a bot that shows what bots can do\n  tghook dev -- npm start     your bot, with its address in the environment",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:       versionOf(),

		SuggestionsMinimumDistance: 2,
	}
	root.AddCommand(newDev(), newForward(), newSend(), newCheck(), newLoad(), newSet(), newDelete(), newInfo(), newDoctor(), newServe(), newVersion())
	for _, cmd := range root.Commands() {
		run := cmd.RunE
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := run(cmd, args); err != nil {
				return startedError{err}
			}
			return nil
		}
	}
	root.PersistentFlags().Bool("json", false, "print JSON, one value a line")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var wrong *pflag.InvalidValueError
		if errors.As(err, &wrong) {
			return usage("--%s: %q is not a value of this flag; see %s --help", wrong.GetFlag().Name, wrong.GetValue(), cmd.CommandPath())
		}
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	return root
}

// noSuchCommand is the error of a name that is no command's.
func noSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	problem := fmt.Sprintf("there is no command %q; ", args[0])
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("%sdo you mean %s?", problem, strings.Join(near, " or "))
	}
	return usage("%stghook help lists the commands", problem)
}
