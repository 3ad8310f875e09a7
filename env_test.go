package tghook_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// setEnv makes variables the only ones that FromEnv finds.
func setEnv(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "TELEGRAM_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

func TestFromEnvReadsEachVariable(t *testing.T) {
	certificate := filepath.Join(t.TempDir(), "public.pem")
	require.NoError(t, os.WriteFile(certificate, []byte("-----BEGIN"), 0o600))
	type change = func(*tghook.RunConfig)
	certFile, keyFile, _ := certificateFiles(t)
	// others are variables that make sense with others only.
	others := map[string]map[string]string{
		"TELEGRAM_CERT_FILE": {"TELEGRAM_KEY_FILE": keyFile}, "TELEGRAM_KEY_FILE": {"TELEGRAM_CERT_FILE": certFile},
	}
	tests := map[string]struct {
		value string
		change
	}{
		"TELEGRAM_TOKEN":            {rig.APIToken, func(*tghook.RunConfig) {}},
		"TELEGRAM_WEBHOOK_URL":      {rig.HookURL, func(c *tghook.RunConfig) { c.URL = rig.HookURL }},
		"TELEGRAM_SECRET":           {rig.HookToken, func(c *tghook.RunConfig) { c.Webhook.Secret = rig.HookToken }},
		"TELEGRAM_PREVIOUS_SECRET":  {rig.HookToken, func(c *tghook.RunConfig) { c.Webhook.PreviousSecret = rig.HookToken }},
		"TELEGRAM_LISTEN":           {"127.0.0.1:9000", func(c *tghook.RunConfig) { c.Listen = "127.0.0.1:9000" }},
		"TELEGRAM_PATH":             {"/telegram", func(c *tghook.RunConfig) { c.Path = "/telegram" }},
		"TELEGRAM_CERT_FILE":        {certFile, func(c *tghook.RunConfig) { c.CertFile, c.KeyFile = certFile, keyFile }},
		"TELEGRAM_KEY_FILE":         {keyFile, func(c *tghook.RunConfig) { c.CertFile, c.KeyFile = certFile, keyFile }},
		"TELEGRAM_UPLOAD_CERT_FILE": {certificate, func(c *tghook.RunConfig) { c.Certificate = []byte("-----BEGIN") }},
		"TELEGRAM_SELF_SIGNED":      {"true", func(c *tghook.RunConfig) { c.SelfSigned = true }},
		"TELEGRAM_KEEP_WEBHOOK":     {"1", func(c *tghook.RunConfig) { c.KeepWebhook = true }},
		"TELEGRAM_DROP_PENDING":     {"True", func(c *tghook.RunConfig) { c.DropPending = true }},
		"TELEGRAM_TAKE_OVER":        {"t", func(c *tghook.RunConfig) { c.Poll.TakeOver = true }},
		"TELEGRAM_ALLOWED_UPDATES":  {"message, chat_member", func(c *tghook.RunConfig) { c.AllowedUpdates = []string{"message", "chat_member"} }},
		"TELEGRAM_MAX_CONNECTIONS":  {"33", func(c *tghook.RunConfig) { c.MaxConnections = 33 }},
		"TELEGRAM_IP_ADDRESS":       {"149.154.167.220", func(c *tghook.RunConfig) { c.IPAddress = "149.154.167.220" }},
		"TELEGRAM_API_URL":          {"http://localhost:8081", func(c *tghook.RunConfig) { c.Client.BaseURL = "http://localhost:8081" }},
		"TELEGRAM_API_LOCAL":        {"true", func(c *tghook.RunConfig) { c.Client.Local = true }},
		"TELEGRAM_TEST_ENVIRONMENT": {"true", func(c *tghook.RunConfig) { c.Client.TestEnvironment = true }},
		"TELEGRAM_PATIENCE":         {"1m", func(c *tghook.RunConfig) { c.Client.Patience = time.Minute }},
		"TELEGRAM_POLL_WAIT":        {"20s", func(c *tghook.RunConfig) { c.Poll.Wait = 20 * time.Second }},
		"TELEGRAM_DRAIN_DELAY":      {"15s", func(c *tghook.RunConfig) { c.DrainDelay = 15 * time.Second }},
		"TELEGRAM_GRACE":            {"8s", func(c *tghook.RunConfig) { c.Grace = 8 * time.Second }},
	}
	assert.Equal(t, slices.Sorted(maps.Keys(tests)), documentedVariables(t), "documented variables")

	for name, test := range tests {
		for _, value := range []string{test.value, "  " + test.value + "\n"} {
			variables := map[string]string{"TELEGRAM_TOKEN": rig.APIToken, name: value}
			maps.Copy(variables, others[name])
			setEnv(t, variables)
			want := tghook.RunConfig{Token: rig.APIToken}
			test.change(&want)
			cfg, err := tghook.FromEnv()
			assert.NoError(t, err, name+": error")
			assert.Equal(t, want, tghook.Unread(cfg), name)
			setEnv(t, nil)
		}
	}

	all := map[string]string{}
	want := tghook.RunConfig{Token: rig.APIToken}
	for name, test := range tests {
		all[name] = test.value
		test.change(&want)
	}
	setEnv(t, all)
	cfg, err := tghook.FromEnv()
	assert.Equal(t, []string{
		"TELEGRAM_DROP_PENDING", "TELEGRAM_SELF_SIGNED", "TELEGRAM_UPLOAD_CERT_FILE", "TELEGRAM_SELF_SIGNED",
		"TELEGRAM_UPLOAD_CERT_FILE", // which is not the one of CERT_FILE
	}, rig.Mistaken(t, err), "those that do not go together")
	assert.Equal(t, want, tghook.Unread(cfg), "all")

	for name := range all {
		all[name] = " "
	}
	all["TELEGRAM_TOKEN"] = rig.APIToken
	setEnv(t, all)
	cfg, err = tghook.FromEnv()
	assert.NoError(t, err, "error")
	assert.Equal(t, tghook.RunConfig{Token: rig.APIToken}, tghook.Unread(cfg), "empty ones")
}

// documentedVariables are those in the doc comment of FromEnv.
func documentedVariables(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "env.go", nil, parser.ParseComments)
	require.NoError(t, err)
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok && f.Name.Name == "FromEnv" {
			names = regexp.MustCompile(`TELEGRAM_[A-Z_]+`).FindAllString(f.Doc.Text(), -1)
		}
	}
	slices.Sort(names)
	return names
}

func TestFromEnvTakesNoForAnAnswer(t *testing.T) {
	for _, no := range []string{"false", "0", "F"} {
		setEnv(t, map[string]string{
			"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_SELF_SIGNED": no, "TELEGRAM_KEEP_WEBHOOK": no, "TELEGRAM_DROP_PENDING": no,
			"TELEGRAM_TAKE_OVER": no, "TELEGRAM_API_LOCAL": no, "TELEGRAM_TEST_ENVIRONMENT": no,
		})
		cfg, err := tghook.FromEnv()
		assert.NoError(t, err, "error")
		assert.Equal(t, tghook.RunConfig{Token: rig.APIToken}, tghook.Unread(cfg), no)
	}
}

func TestFromEnvNeedsATokenUnlessTheWebhookIsKept(t *testing.T) {
	setEnv(t, nil)
	_, err := tghook.FromEnv()
	mistakes := rig.ConfigErrors(t, err)
	if len(mistakes) != 1 || mistakes[0].Field != "TELEGRAM_TOKEN" {
		t.Error(err)
	}
	setEnv(t, map[string]string{"TELEGRAM_KEEP_WEBHOOK": "true"})
	if cfg, err := tghook.FromEnv(); err != nil || !cfg.KeepWebhook {
		t.Error(err)
	}
}

func TestFromEnvNamesEveryMistakeAndTellsNoValue(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	// Variables get mixed up: whichever it is, what is a token in it stays there.
	for _, value := range []string{rig.APIToken, rig.HookToken, "maybe" + rig.SecretMark, "1e3" + rig.SecretMark} {
		setEnv(t, map[string]string{
			"TELEGRAM_SELF_SIGNED": value, "TELEGRAM_KEEP_WEBHOOK": value, "TELEGRAM_DROP_PENDING": value, "TELEGRAM_TAKE_OVER": value,
			"TELEGRAM_API_LOCAL": value, "TELEGRAM_TEST_ENVIRONMENT": value, "TELEGRAM_MAX_CONNECTIONS": value, "TELEGRAM_GRACE": value,
			"TELEGRAM_ALLOWED_UPDATES": value + ",,", "TELEGRAM_UPLOAD_CERT_FILE": "/" + value, "TELEGRAM_TOKEN": "",
		})
		_, err := tghook.FromEnv()
		rig.KeepsToken(t, err)
		fields := map[string]int{}
		for _, mistake := range rig.ConfigErrors(t, err) {
			fields[mistake.Field]++
		}
		assert.Equal(t, map[string]int{
			"TELEGRAM_SELF_SIGNED": 1, "TELEGRAM_KEEP_WEBHOOK": 1, "TELEGRAM_DROP_PENDING": 1, "TELEGRAM_TAKE_OVER": 1,
			"TELEGRAM_API_LOCAL": 1, "TELEGRAM_TEST_ENVIRONMENT": 1, "TELEGRAM_MAX_CONNECTIONS": 1, "TELEGRAM_GRACE": 1,
			"TELEGRAM_ALLOWED_UPDATES": 1, "TELEGRAM_UPLOAD_CERT_FILE": 1, "TELEGRAM_TOKEN": 1,
		}, fields, "mistakes")
	}
	for name, test := range map[string]struct{ value, problem string }{
		"TELEGRAM_SELF_SIGNED":      {"yes", "is neither true nor false"},
		"TELEGRAM_MAX_CONNECTIONS":  {"4.5", "is no whole number"},
		"TELEGRAM_GRACE":            {"8", "is no duration such as 8s"},
		"TELEGRAM_ALLOWED_UPDATES":  {",message", "has an empty item: separate the items by one comma each"},
		"TELEGRAM_UPLOAD_CERT_FILE": {filepath.Dir(empty) + "/none.pem", "cannot be read: no such file or directory"},
	} {
		setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, name: test.value})
		_, err := tghook.FromEnv()
		if err == nil || err.Error() != "tghook: "+name+": "+test.problem {
			t.Error(err)
		}
		setEnv(t, map[string]string{name: ""})
	}
	setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_UPLOAD_CERT_FILE": empty})
	if _, err := tghook.FromEnv(); err == nil || err.Error() != "tghook: TELEGRAM_UPLOAD_CERT_FILE: is an empty file" {
		t.Error(err)
	}
}

// What Run finds wrong is named by the variable that holds it, and at once.
func TestFromEnvFindsWhatRunWouldFind(t *testing.T) {
	certFile, _, _ := certificateFiles(t)
	_, otherKey, _ := certificateFiles(t)
	setEnv(t, map[string]string{
		"TELEGRAM_TOKEN": "token", "TELEGRAM_WEBHOOK_URL": "http://localhost:81/healthz#x", "TELEGRAM_SECRET": "a secret", "TELEGRAM_PREVIOUS_SECRET": "one more",
		"TELEGRAM_PATH": "telegram", "TELEGRAM_CERT_FILE": certFile, "TELEGRAM_KEY_FILE": otherKey, "TELEGRAM_UPLOAD_CERT_FILE": otherKey,
		"TELEGRAM_ALLOWED_UPDATES": "message poll", "TELEGRAM_MAX_CONNECTIONS": "101", "TELEGRAM_IP_ADDRESS": "localhost",
		"TELEGRAM_API_URL": "localhost:8081", "TELEGRAM_PATIENCE": "-1s", "TELEGRAM_DRAIN_DELAY": "-1s", "TELEGRAM_GRACE": "-1s",
		"TELEGRAM_SELF_SIGNED": "what",
	})
	_, err := tghook.FromEnv()
	rig.KeepsToken(t, err)
	fields := slices.Compact(slices.Sorted(slices.Values(rig.Mistaken(t, err))))
	assert.Equal(t, []string{
		"TELEGRAM_ALLOWED_UPDATES", "TELEGRAM_API_URL", "TELEGRAM_CERT_FILE", "TELEGRAM_DRAIN_DELAY", "TELEGRAM_GRACE",
		"TELEGRAM_IP_ADDRESS", "TELEGRAM_MAX_CONNECTIONS", "TELEGRAM_PATH", "TELEGRAM_PATIENCE", "TELEGRAM_PREVIOUS_SECRET", "TELEGRAM_SECRET",
		"TELEGRAM_SELF_SIGNED", "TELEGRAM_TOKEN", "TELEGRAM_UPLOAD_CERT_FILE", "TELEGRAM_WEBHOOK_URL",
	}, fields, "by webhook")
	lines := strings.Split(err.Error(), "\n")
	slices.Sort(lines)
	assert.Equal(t, len(rig.Mistaken(t, err)), len(slices.Compact(lines)), "what is told twice")

	setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_POLL_WAIT": "51s", "TELEGRAM_KEY_FILE": "key.pem"})
	_, err = tghook.FromEnv()
	assert.Equal(t, []string{"TELEGRAM_KEY_FILE", "TELEGRAM_POLL_WAIT"}, rig.Mistaken(t, err), "by poll")

	// The mistakes of others are not the environment's.
	setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_WEBHOOK_URL": rig.HookURL, "TELEGRAM_GRACE": "3s"})
	cfg, err := tghook.FromEnv()
	assert.NoError(t, err, "error")
	cfg.Grace, cfg.MaxConnections, cfg.URL = -1, 101, "http://bot.example.org/telegram"
	_, err = tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg)
	assert.Equal(t, []string{"RunConfig.Grace", "WebhookRequest.URL", "WebhookRequest.MaxConnections"}, rig.Mistaken(t, err), "what the program has set")
	cfg, _ = tghook.FromEnv()
	cfg.Webhook.Dispatch.MaxLane, cfg.KeepWebhook, cfg.DropPending = -1, true, true
	_, err = tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg)
	assert.Equal(t, []string{"RunConfig.DropPending", "Config.Dispatch.MaxLane"}, rig.Mistaken(t, err), "what it has added")
	cfg, _ = tghook.FromEnv()
	cfg.HealthPath = "/telegram"
	cfg.Client.Local = true
	cfg.Certificate = []byte("x")
	_, err = tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg)
	assert.Equal(t, []string{"RunConfig.HealthPath", "WebhookRequest.Certificate"}, rig.Mistaken(t, err), "what it has added")
}

func TestFromEnvTakesTheJSONThatSetWebhookTakes(t *testing.T) {
	for value, want := range map[string][]string{
		`["message", "chat_member"]`: {"message", "chat_member"}, `[]`: {}, ` [ "poll" ] `: {"poll"},
	} {
		setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_ALLOWED_UPDATES": value})
		cfg, err := tghook.FromEnv()
		assert.NoError(t, err, "error")
		assert.Equal(t, want, cfg.AllowedUpdates, value)
	}
	for _, value := range []string{`["message"`, `[message]`, `[1]`, `[["message"]]`} {
		setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_ALLOWED_UPDATES": value})
		_, err := tghook.FromEnv()
		assert.Equal(t, []string{"TELEGRAM_ALLOWED_UPDATES"}, rig.Mistaken(t, err), value)
	}
}

func TestUnknownVariablesAreToldAtTheStart(t *testing.T) {
	const text = "a variable that FromEnv does not read"
	t.Setenv("TELEGRAM_LISTNE", rig.SecretMark)
	t.Setenv("TELEGRAM_BOT_TOKEN", rig.APIToken)
	t.Setenv("TELEGRAM_CHAT_ID", "7")
	t.Setenv("TELEGRAM_WEBHOOK", "no")
	t.Setenv("TELEGRAM_EMPTY", " ")
	t.Setenv("TELEGRAM_TOKEN", rig.APIToken)
	cfg, err := tghook.FromEnv()
	assert.NoError(t, err, "error")
	log, logged := rig.Logger()
	cfg.Webhook.Dispatch.Logger = log
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg); err != nil {
		t.Fatal(err)
	}
	assert.Equal(t, []string{
		"TELEGRAM_BOT_TOKEN TELEGRAM_TOKEN 7244100913", "TELEGRAM_CHAT_ID  7244100913", "TELEGRAM_LISTNE TELEGRAM_LISTEN 7244100913",
		"TELEGRAM_WEBHOOK TELEGRAM_WEBHOOK_URL 7244100913",
	}, rig.Warnings(logged, text, "variable", "nearest", "bot"), "told")
	if rig.Leaks(logged.String()) {
		t.Error(logged.String())
	}

	log, logged = rig.Logger()
	by := tghook.RunConfig{Token: rig.APIToken, Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Logger: log}}}
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), by); err != nil {
		t.Fatal(err)
	}
	assert.Empty(t, logged.String(), "told to those who do not use FromEnv")

	t.Setenv("TELEGRAM_TOKEN", "")
	_, err = tghook.FromEnv()
	assert.Equal(t, "tghook: TELEGRAM_TOKEN: is not set: give the token that @BotFather gave you; TELEGRAM_BOT_TOKEN is set, and is not read", err.Error(), "without a token")

	for i := range 50 {
		t.Setenv(fmt.Sprint("TELEGRAM_OTHER", i), "x")
	}
	t.Setenv("TELEGRAM_TOKEN", rig.APIToken)
	log, logged = rig.Logger()
	cfg, err = tghook.FromEnv()
	assert.NoError(t, err, "error")
	cfg.Webhook.Dispatch.Logger = log
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg); err != nil {
		t.Fatal(err)
	}
	assert.Len(t, rig.Warnings(logged, text), 10, "told of many")
}
