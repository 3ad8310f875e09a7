package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// TestMain runs this program as tghook or as the bot of a test if the environment says so.
func TestMain(m *testing.M) {
	switch os.Getenv("TGHOOK_TEST_PROGRAM") {
	case "tghook":
		os.Exit(Main(os.Args[1:]))
	case "bot":
		os.Exit(echo())
	default:
		progressAfter = time.Hour // on a busy machine everything takes long
		os.Exit(m.Run())
	}
}

// echo is a bot that is configured by its environment alone, and says what it is told.
func echo() int {
	cfg, err := tghook.FromEnv()
	if err == nil {
		fmt.Fprintln(os.Stdout, "the bot runs")
		err = tghook.Run(context.Background(), tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			var text struct{ Message struct{ Text string } }
			if err := u.Decode(&text); err != nil {
				return tghook.NoReply, err
			}
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "echo: " + text.Message.Text}}, nil
		}), cfg)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// try runs a command that ends by itself.
func try(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = Run(t.Context(), args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

func TestProgressIsToldOfWhatTakesLong(t *testing.T) {
	require.Equal(t, time.Second, usualProgressAfter)
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		done := output{errs: &told}.progress("waiting")
		time.Sleep(progressAfter)
		synctest.Wait()
		done()
		require.Equal(t, "tghook: waiting ...\n", told.String())
		output{errs: &told}.progress("waiting again")()
		time.Sleep(progressAfter)
		require.Equal(t, "tghook: waiting ...\n", told.String())
	})
}

func TestHelpTeaches(t *testing.T) {
	status, out, errs := try(t, "help")
	require.Equal(t, exitOK, status)
	require.Empty(t, errs)
	for _, line := range []string{"0    done", "1    ", "2    wrong flags, arguments or settings", "3    ", "130  ", "tghook dev --demo"} {
		require.Contains(t, out, line)
	}
	_, bare, _ := try(t)
	require.Equal(t, out, bare, "tghook alone is tghook help")
}

// Each command has an example, and says what it does in words that its list has room for.
func TestEachCommandHasExamples(t *testing.T) {
	for _, cmd := range newRoot().Commands() {
		require.NotEmpty(t, cmd.Short, cmd.Name())
		require.LessOrEqual(t, len(cmd.Short), 64, cmd.Name())
		require.NotNil(t, cmd.Args, "%s says nothing about its arguments", cmd.Name())
		require.Contains(t, cmd.Example, "  tghook "+cmd.Name(), cmd.Name())
		status, out, _ := try(t, cmd.Name(), "--help")
		require.Equal(t, exitOK, status)
		require.Contains(t, out, "Examples:")
		for line := range strings.Lines(out) {
			require.LessOrEqual(t, len([]rune(line)), 400, "%s: %s", cmd.Name(), line)
		}
	}
}

func TestMistakesOfTheCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"xyzzy":                             `tghook: there is no command "xyzzy"; tghook help lists the commands`,
		"vershion":                          `tghook: there is no command "vershion"; do you mean version?`,
		"docter":                            `tghook: there is no command "docter"; do you mean doctor?`,
		"--no-such-flag":                    "tghook: unknown flag: --no-such-flag; see tghook --help",
		"dev --prot 1":                      "tghook: unknown flag: --prot; see tghook dev --help",
		"dev npm start":                     `tghook: "npm": dev takes no arguments; put -- before the command that starts your bot: tghook dev -- npm start`,
		"dev --speed fast":                  `tghook: --speed: "fast" is not a value of this flag; see tghook dev --help`,
		"dev --listen 0.0.0.0:0":            "tghook: --listen: other machines can reach 0.0.0.0:0; listen on 127.0.0.1, or give --host",
		"check":                             "tghook: give one URL, that of the webhook: tghook check http://127.0.0.1:3000/telegram",
		"load a b":                          "tghook: give one URL, that of the webhook: tghook load http://127.0.0.1:3000/telegram",
		"dev --speed 0":                     "tghook: --speed 0: time has to pass, but not too fast; give a number above 0 and up to 1000000, such as 60",
		"dev --speed NaN":                   "tghook: --speed NaN: time has to pass, but not too fast; give a number above 0 and up to 1000000, such as 60",
		"dev --for grammar":                 `tghook: --for: no library is named "grammar" here; the names are aiogram, `,
		"dev --webhook /path":               "tghook: --webhook: a path alone needs the command that starts the bot, after --",
		"dev --webhook ftp://x":             "tghook: --webhook: no URL of a server; give one such as http://127.0.0.1:3000/telegram",
		"dev --secret a --secret-file b":    "tghook: if any flags in the group [secret secret-file] are set none of the others can be",
		"dev --listen nonsense":             "tghook: --listen: nonsense cannot be listened on: ",
		"dev -- no-such-program":            `tghook: --: the command "no-such-program" cannot be run: executable file not found in $PATH`,
		"dev --":                            "tghook: --: no command follows; write the one that starts your bot",
		"version 1":                         "tghook: unknown command \"1\" for \"tghook version\"",
		"dev --speed Inf":                   "tghook: --speed +Inf: time has to pass, but not too fast; give a number above 0 and up to 1000000, such as 60",
		"dev --listen 0.0.0.0:0 --host a/b": `tghook: --host: "a/b" is not a host; set a name or an IP address, without a scheme and a port`,
	} {
		t.Run(args, func(t *testing.T) {
			status, out, errs := try(t, strings.Fields(args)...)
			require.Equal(t, exitUsage, status)
			require.Empty(t, out)
			require.Contains(t, errs, want)
			require.Equal(t, 1, strings.Count(errs, "\n"), errs)
		})
	}
}

func TestVersion(t *testing.T) {
	released = "1.2.3"
	defer func() { released = "" }()
	status, out, _ := try(t, "version")
	require.Equal(t, exitOK, status)
	require.Regexp(t, `^tghook 1\.2\.3 \(go\S+, \w+/\w+\)`, out)
	_, out, _ = try(t, "--version")
	require.Equal(t, "tghook version 1.2.3\n", out)
	_, out, _ = try(t, "version", "--json")
	var b build
	require.NoError(t, json.Unmarshal([]byte(out), &b))
	require.Equal(t, "1.2.3", b.Version)
	require.NotEmpty(t, b.Go)
}

func TestVersionOfAWorkingCopy(t *testing.T) {
	require.Regexp(t, `^(devel|\d+\.\d+\.\d+.*)$`, versionOf())
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, out, _ := try(t, "completion", shell)
		require.Equal(t, exitOK, status)
		require.Greater(t, len(out), 1000, shell)
		if shell == "bash" {
			check := exec.CommandContext(t.Context(), "bash", "-n")
			check.Stdin = strings.NewReader(out)
			require.NoError(t, check.Run())
		}
	}
	_, out, _ := try(t, "__complete", "dev", "--for", "gr")
	require.Contains(t, out, "\ngramio\ngrammy\n")
	_, out, _ = try(t, "__complete", "de")
	require.Contains(t, out, "dev\tRun a Telegram on your desk")
}

// A started command that fails has another status than one that was called wrongly.
func TestStatusOfErrors(t *testing.T) {
	for err, want := range map[error]int{
		nil:                 exitOK,
		io.ErrUnexpectedEOF: exitError,
		usage("--x: wrong"): exitUsage,
		errFailed:           exitFailed,
		context.Canceled:    exitError, // nobody has pressed Ctrl-C
	} {
		require.Equal(t, want, finish(t.Context(), startedIf(err), io.Discard), err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.Equal(t, exitSignal, finish(ended, startedError{context.Canceled}, io.Discard))
	require.Equal(t, exitUsage, finish(t.Context(), io.ErrUnexpectedEOF, io.Discard), "cobra has found it before the command started")
}

func startedIf(err error) error {
	if err == nil {
		return nil
	}
	return startedError{err}
}

func TestOutputIsPlainUnlessItIsATerminal(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.Flags().Bool("json", false, "")
	cmd.SetOut(new(bytes.Buffer))
	require.Equal(t, "text", outputOf(cmd).paint("text", color.FgRed))
	require.Equal(t, "\x1b[31mtext\x1b[0m", output{coloured: true}.paint("text", color.FgRed))
}

// A server of one's own that is away is named by the variable that says where it is.
func TestAnAPIServerThatIsAwayIsNamed(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Setenv("TELEGRAM_TOKEN", "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11")
	t.Setenv("TELEGRAM_PATIENCE", "1ms")
	t.Setenv("TELEGRAM_API_URL", gone.URL)
	status, out, errs := try(t, "info")
	require.Equal(t, exitError, status)
	require.Empty(t, out)
	require.Contains(t, errs, "; is the server of TELEGRAM_API_URL running?\n")
}
