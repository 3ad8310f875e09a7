package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook"
)

// botFlags are the flags and variables by which a command knows a bot that is in service.
// A token is never taken from an argument, because other users of the machine can read
// the arguments of a process.
type botFlags struct {
	tokenFile, secretFile, secretText string
}

const environmentHelp = `
Environment:
  TELEGRAM_TOKEN             the token that @BotFather gave you
  TELEGRAM_SECRET            the secret of the webhook
  TELEGRAM_API_URL           a Bot API server of your own; without it api.telegram.org
  TELEGRAM_API_LOCAL         true if that server runs with --local
  TELEGRAM_TEST_ENVIRONMENT  true for Telegram's test servers
  TELEGRAM_PATIENCE          how long a call that fails is tried again, such as 1m`

func (f *botFlags) addToken(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "read the token from this file (without it: TELEGRAM_TOKEN)")
	_ = cmd.MarkFlagFilename("token-file")
}

func (f *botFlags) addSecret(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.secretFile, "secret-file", "", "read the secret of the webhook from this file (without it: TELEGRAM_SECRET)")
	cmd.Flags().StringVar(&f.secretText, "secret", "", "the secret of the webhook; other users of this machine can see it, so prefer a file or the variable")
	cmd.MarkFlagsMutuallyExclusive("secret", "secret-file")
	_ = cmd.MarkFlagFilename("secret-file")
}

// token returns the token, or "" if there is none.
func (f *botFlags) token() (string, error) {
	return given("--token-file", f.tokenFile, "TELEGRAM_TOKEN")
}

// secret returns the secret, or "" if there is none.
func (f *botFlags) secret() (string, error) {
	if f.secretText != "" {
		return f.secretText, nil
	}
	return given("--secret-file", f.secretFile, "TELEGRAM_SECRET")
}

// given returns what stands in a file or, without a file, in a variable. The error does not
// tell the name of the file, because it may be a secret that was given by mistake.
func given(flag, file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	content, err := os.ReadFile(file) //nolint:gosec // reading the file that it names is what the flag is for
	var where *fs.PathError
	switch {
	case errors.As(err, &where):
		return "", usage("%s: the file cannot be read: %w; give the path of a file that holds the value alone", flag, where.Err)
	case strings.TrimSpace(string(content)) == "":
		return "", usage("%s: the file is empty; write the value into it", flag)
	}
	return strings.TrimSpace(string(content)), nil
}

// client returns a client for the bot. transport may be nil.
func (f *botFlags) client(transport http.RoundTripper) (*tghook.Client, error) {
	token, err := f.token()
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, usage("no token: set TELEGRAM_TOKEN, or give --token-file, with the token that @BotFather gave you")
	}
	run, err := environment("API_URL", "API_LOCAL", "API_FILES", "TEST_ENVIRONMENT", "PATIENCE")
	if err != nil {
		return nil, err
	}
	if transport != nil {
		run.Client.HTTP = &http.Client{Transport: transport}
	}
	client, err := tghook.NewClient(token, run.Client)
	return client, asFlags(err, map[string]string{"token": "the token", "ClientConfig.BaseURL": "TELEGRAM_API_URL"})
}

// environment returns what the variables TELEGRAM_... say, and an error for the mistakes in
// those that are named.
func environment(names ...string) (tghook.RunConfig, error) {
	run, err := tghook.FromEnv()
	mistakes := mistakesIn(err)
	mistakes = slices.DeleteFunc(mistakes, func(m *tghook.ConfigError) bool {
		return !slices.Contains(names, strings.TrimPrefix(m.Field, "TELEGRAM_"))
	})
	return run, flagErrors(mistakes, nil)
}

// asFlags returns an error of the library in the words of the command line: names has the
// flag, or variable, for each field. Other errors come back unchanged.
func asFlags(err error, names map[string]string) error {
	if mistakes := mistakesIn(err); len(mistakes) > 0 {
		return flagErrors(mistakes, names)
	}
	return err
}

// mistakesIn returns every ConfigError in err.
func mistakesIn(err error) []*tghook.ConfigError {
	var all []*tghook.ConfigError
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			all = append(all, mistakesIn(one)...)
		}
		return all
	}
	var one *tghook.ConfigError
	if errors.As(err, &one) {
		all = append(all, one)
	}
	return all
}

func flagErrors(mistakes []*tghook.ConfigError, names map[string]string) error {
	lines := make([]string, 0, len(mistakes))
	for _, m := range mistakes {
		name, ok := names[m.Field]
		if !ok {
			name = m.Field
		}
		lines = append(lines, fmt.Sprintf("%s: %s", name, m.Problem))
	}
	if len(lines) == 0 {
		return nil
	}
	return usage("%s", strings.Join(lines, "\n        "))
}
