package tghook_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
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
		"TELEGRAM_API_FILES":        {"/var/lib/telegram-bot-api", func(c *tghook.RunConfig) { c.Client.Files = "/var/lib/telegram-bot-api" }},
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
			require.NoError(t, err, name+": error")
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
	require.NoError(t, err, "error")
	assert.Equal(t, tghook.RunConfig{Token: rig.APIToken}, tghook.Unread(cfg), "empty ones")
}

// documentedVariables are those in the doc comment of FromEnv.
func documentedVariables(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "run_config.go", nil, parser.ParseComments)
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
		require.NoError(t, err, "error")
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
		"TELEGRAM_SELF_SIGNED":      {"yes", "neither true nor false; give one of them"},
		"TELEGRAM_MAX_CONNECTIONS":  {"4.5", "not a whole number; give one such as 40"},
		"TELEGRAM_GRACE":            {"8", "not a duration; give one such as 8s"},
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
	assert.Len(t, slices.Compact(lines), len(rig.Mistaken(t, err)), "what is told twice")

	setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_POLL_WAIT": "51s", "TELEGRAM_KEY_FILE": "key.pem"})
	_, err = tghook.FromEnv()
	assert.Equal(t, []string{"TELEGRAM_KEY_FILE", "TELEGRAM_POLL_WAIT"}, rig.Mistaken(t, err), "by poll")

	// The mistakes of others are not the environment's.
	setEnv(t, map[string]string{"TELEGRAM_TOKEN": rig.APIToken, "TELEGRAM_WEBHOOK_URL": rig.HookURL, "TELEGRAM_GRACE": "3s"})
	cfg, err := tghook.FromEnv()
	require.NoError(t, err, "error")
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
		require.NoError(t, err, "error")
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
	require.NoError(t, err, "error")
	log, logged := rig.Logger()
	cfg.Webhook.Dispatch.Logger = log
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg); err != nil {
		t.Fatal(err)
	}
	assert.Equal(t, []string{
		"TELEGRAM_BOT_TOKEN TELEGRAM_TOKEN 7244100913", "TELEGRAM_CHAT_ID  7244100913", "TELEGRAM_LISTNE TELEGRAM_LISTEN 7244100913",
		"TELEGRAM_WEBHOOK TELEGRAM_WEBHOOK_URL 7244100913",
	}, rig.Warnings(logged, text, "variable", "nearest", "bot"), "told")
	assert.False(t, rig.Leaks(logged.String()), logged.String())

	log, logged = rig.Logger()
	by := tghook.RunConfig{Token: rig.APIToken, Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Logger: log}}}
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), by); err != nil {
		t.Fatal(err)
	}
	assert.Empty(t, logged.String(), "told to those who do not use FromEnv")

	t.Setenv("TELEGRAM_TOKEN", "")
	_, err = tghook.FromEnv()
	assert.Equal(t, "tghook: TELEGRAM_TOKEN: not set; give the token that @BotFather gave you; TELEGRAM_BOT_TOKEN is set, and is not read", err.Error(), "without a token")

	for i := range 50 {
		t.Setenv(fmt.Sprint("TELEGRAM_OTHER", i), "x")
	}
	t.Setenv("TELEGRAM_TOKEN", rig.APIToken)
	log, logged = rig.Logger()
	cfg, err = tghook.FromEnv()
	require.NoError(t, err, "error")
	cfg.Webhook.Dispatch.Logger = log
	if _, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), cfg); err != nil {
		t.Fatal(err)
	}
	assert.Len(t, rig.Warnings(logged, text), 10, "told of many")
}

// What docs/coming-from.md promises and no other test shows.

// shownBy names the tests that show each row of docs/coming-from.md, in its order. A
// row is known by its first cell, without its backquotes.
var shownBy = []struct {
	row   string
	tests []string
}{
	{`setWebhookInfoAndStartListenWebhooks`, []string{"TestRunListensSetsTheWebhookServesAndLeavesIt"}},
	{`startListenWebhooks`, []string{"TestRunKeepsTheWebhookAndNeedsNoTokenThen"}},
	{`includeWebhookHandlingInRoute`, []string{"TestEveryDoorKeepsThePromise", "TestEveryRouterIsADoor"}},
	{`includeWebhookHandlingInRouteWithFlows`, []string{"TestKindsPicksAHandlerByKind"}},
	{`certificate and private key`, []string{"TestRunServesTLSFromFiles", "TestRunDoesWhatStartWebhookDoes", "TestRunMakesACertificateThatTelegramAccepts"}},
	{`subroute`, []string{"TestRunServesThePathThatRequestsCarry", "TestAWebhookIsServedBelowARoute"}},
	{`allowed updates`, []string{"TestTelegramIsToldTheKindsThatAreWanted", "TestPollTellsTelegramWhichKindsItsHandlerWants"}},
	{`exception handler`, []string{"TestAnErrorIsSeenAndMayBeTakenAway"}},
	{`bot.start()`, []string{"TestRunPollsWithoutAURL", "TestPollRunsLanesInParallelInOrderAndConfirmsWhatIsHandled"}},
	{`webhookCallback(bot, "express" \| "fastify" \| "aws-lambda" \| ...)`, []string{"TestEveryDoorKeepsThePromise", "TestEveryRouterIsADoor", "TestEveryPlatformIsADoor"}},
	{`onTimeout: "throw", the default`, []string{"TestEachTimeoutOfGrammYHasItsPolicy", "TestToldLateRetry", "TestToldLateCancel"}},
	{`onTimeout: "return"`, []string{"TestEachTimeoutOfGrammYHasItsPolicy", "TestAfterLateAck"}},
	{`onTimeout: (...) => ...`, []string{"TestEachTimeoutOfGrammYHasItsPolicy", "TestDeadlineDecidesForEachUpdate"}},
	{`timeoutMilliseconds: 10_000`, []string{"TestEachTimeoutOfGrammYHasItsPolicy", "TestADeliveryIsLateAfter"}},
	{`secretToken`, []string{"TestToldMissingDoubledOrWrongSecret", "TestWithoutASecretAnybodyMayPostOnlyIfToldSo"}},
	{`client: { canUseWebhookReply }`, []string{"TestToldHandlerReturnedNil", "TestRefusedMethodsNeverRideButGoByCaller"}},
	{`the runner, and its sequentialize`, []string{"TestChatsRunInParallel", "TestOrderWithinALaneHoldsUnderLoad", "TestALaneOfOnesOwn"}},
	{`run_polling()`, []string{"TestRunPollsWithoutAURL", "TestPollRunsLanesInParallelInOrderAndConfirmsWhatIsHandled"}},
	{`run_webhook(listen, port, url_path, key, cert, webhook_url)`, []string{"TestRunDoesWhatStartWebhookDoes"}},
	{`unix`, []string{"TestRunServesAUnixSocketAndReplacesAnOldOne"}},
	{`secret_token`, []string{"TestRunListensSetsTheWebhookServesAndLeavesIt", "TestDerivedSecretsAndPathsDiffer"}},
	{`ip_address, max_connections, allowed_updates, drop_pending_updates`, []string{"TestRunDoesWhatStartWebhookDoes", "TestRunListensSetsTheWebhookServesAndLeavesIt", "TestPollDropsWhatIsPending"}},
	{`the token as url_path`, []string{"TestRunServesThePathThatRequestsCarry", "TestDerivedSecretsAndPathsAreFitForTelegram"}},
	{`several bots on one domain, behind nginx`, []string{"TestAnUpdateReachesItsBotAsTelegramSentIt", "TestEachBotHasAPathOfItsOwn"}},
	{`a subdomain for each bot, behind HAProxy`, []string{"TestAnUpdateReachesItsBotAsTelegramSentIt"}},
	{`Heroku's port`, []string{"TestRunTakesItsPortFromTheEnvironment"}},
	{`error handlers`, []string{"TestAnErrorIsSeenAndMayBeTakenAway"}},
	{`a custom server that fills update_queue`, []string{"TestThePrograms"}},
	{`a custom server, with a durable queue and a worker`, []string{"TestAQueueAndAWorkerLoseNothing"}},
	{`setWebhook`, []string{"TestSetWebhookSendsWhatIsGiven", "TestSetWebhookNamesAMistakeBeforeTelegramDeletesTheOldWebhook"}},
	{`deleteWebhook, getWebhookInfo`, []string{"TestDeleteWebhookDropsPendingUpdatesOnlyIfAsked", "TestGetWebhookInfoTellsAllThatTelegramDoes"}},
	{`getUpdates with offset and timeout`, []string{"TestGetUpdatesAsksForWhatIsGiven", "TestPollConfirmsOnlyWhatHasFinished"}},
	{`any other method`, []string{"TestCallSendsWhateverEncodesToAnObject", "TestCallIsMultipartAsSoonAsAFileIsInIt"}},
}

func TestEveryRowOfComingFromHasItsTests(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(source, -1) {
			declared[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, 0, len(shownBy))
	for _, shown := range shownBy {
		want = append(want, shown.row)
		for _, name := range shown.tests {
			if !declared[name] {
				t.Errorf("%s: there is no %s", shown.row, name)
			}
		}
	}
	doc, err := os.ReadFile("docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(doc)) {
		cell, _, isRow := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if isRow && strings.HasPrefix(line, "| ") && cell != "there" {
			rows = append(rows, strings.ReplaceAll(cell, "`", ""))
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("docs/coming-from.md has the rows %q, and the tests those of %q", rows, want)
	}
}

func TestTheDocumentationHasEachVariableOfFromEnv(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`TELEGRAM_[A-Z_]+`)
	found := func(file string) map[string]bool {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		names := map[string]bool{}
		for _, name := range variable.FindAllString(string(text), -1) {
			names[name] = true
		}
		return names
	}
	assert.Equal(t, found("run_config.go"), found("docs/running.md"), "docs/running.md")
}

// python-telegram-bot's start_webhook(listen, port, url_path, cert, key,
// webhook_url, secret_token, ip_address, max_connections, allowed_updates,
// drop_pending_updates).
func TestRunDoesWhatStartWebhookDoes(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	public, err := os.ReadFile(certFile)
	require.NoError(t, err)
	r := startRun(t, replying(rig.Hello, nil), func(r *running, cfg *tghook.RunConfig) {
		*cfg = tghook.RunConfig{
			Token: rig.APIToken, Client: cfg.Client,
			Listen: "127.0.0.1:" + r.port, Path: "/bot", URL: "https://" + r.address + "/bots/first",
			CertFile: certFile, KeyFile: keyFile, Certificate: public,
			Webhook:   tghook.Config{Secret: rig.HookToken},
			IPAddress: "127.0.0.1", MaxConnections: 3, AllowedUpdates: []string{"message"}, DropPending: false,
		}
		// Telegram tells of no difference, but does not tell the certificate.
		r.set(tghook.WebhookRequest{
			URL: cfg.URL, Certificate: public, IPAddress: cfg.IPAddress, MaxConnections: 3, AllowedUpdates: cfg.AllowedUpdates, InsecureNoSecret: true,
		})
		r.tg.ExpectCall(t, "setWebhook")
	})
	call := r.begun()
	assert.Equal(t, map[string]string{
		"url": "https://" + r.address + "/bots/first", "secret_token": rig.HookToken,
		"ip_address": "127.0.0.1", "max_connections": "3", "allowed_updates": `["message"]`,
	}, call.Params, "setWebhook")
	assert.Equal(t, string(public), string(call.Files["certificate"].Content), "certificate")
	client := clientBy(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	assert.Equal(t, "200 "+rig.HelloBody, r.post(client, "https://"+r.address+"/bot", rig.MessageIn(7, 1)), "an update")
	r.end()
}

// ktgbotapi's subroute: a route of the server's that has no update's path itself.
func TestAWebhookIsServedBelowARoute(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, replying(rig.Hello, nil))
	bots := http.NewServeMux()
	bots.Handle("POST /first", w)
	site := http.NewServeMux()
	site.Handle("/bots/", http.StripPrefix("/bots", bots))
	for path, want := range map[string]int{"/bots/first": 200, "/bots/second": 404, "/first": 404} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(rig.MessageIn(7, 1)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		assert.Equal(t, want, rec.Code, path)
	}
}

// ktgbotapi's exception handler, and python-telegram-bot's error handlers: here an
// error that was seen is still one for Telegram, unless it is taken away.
func TestAnErrorIsSeenAndMayBeTakenAway(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var seen []error
		see := func(next tghook.Handler) tghook.Handler {
			return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				reply, err := next.HandleUpdate(ctx, u)
				seen = append(seen, err)
				if u.ID == 2 {
					return tghook.NoReply, nil
				}
				return reply, err
			})
		}
		h := tghook.Chain(replying(tghook.NoReply, rig.ErrBroken), see)
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 2}}, h.HandleUpdate)
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "seen")
		assert.Equal(t, rig.ErrBroken, r.Last().Err, "told to Observe")
		assert.Equal(t, "200", r.Post(rig.MessageIn(8, 2)), "taken away")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "the last attempt")
		require.ErrorIs(t, r.Letter(0).Err, rig.ErrBroken, "told to DeadLetter")
		assert.Equal(t, []error{rig.ErrBroken, rig.ErrBroken, rig.ErrBroken}, seen, "told to the middleware")
	})
}

// grammY's timeoutMilliseconds and onTimeout: each word beside what is said here,
// of a handler that takes twelve seconds.
func TestEachTimeoutOfGrammYHasItsPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		cfg                tghook.Config
		answer, redelivery string
		runs, calls        int
	}{
		`"throw"`:                          {tghook.Config{Late: tghook.LateRetry}, "503 after 2", rig.HelloAnswer, 1, 0},
		`"throw", and end the handler`:     {tghook.Config{Late: tghook.LateCancel}, "503", "503", 2, 0},
		`"return"`:                         {tghook.Config{Late: tghook.LateAck}, "200", rig.HelloAnswer, 1, 0},
		"a function of one's own":          {tghook.Config{Deadline: acknowledgeLate}, "200", rig.HelloAnswer, 1, 0},
		"timeoutMilliseconds of 15 s":      {tghook.Config{LateAfter: 15 * time.Second}, rig.HelloAnswer, rig.HelloAnswer, 1, 0},
		"timeoutMilliseconds of 10 s":      {tghook.Config{LateAfter: 10 * time.Second}, "503 after 2", rig.HelloAnswer, 1, 0},
		`"return", and nothing comes anew`: {tghook.Config{Late: tghook.LateAck}, "200", "", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				c.cfg.Dispatch.Caller = &rig.Caller{}
				r := rig.NewBot(t, c.cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					select {
					case <-time.After(12 * time.Second):
						return rig.Hello, nil
					case <-ctx.Done():
						return tghook.NoReply, context.Cause(ctx)
					}
				})
				assert.Equal(t, c.answer, r.Post(rig.MessageIn(7, 1)), "the answer")
				if c.redelivery != "" {
					assert.Equal(t, c.redelivery, r.Post(rig.MessageIn(7, 1)), "the redelivery")
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				r.Did(rig.Counts{Runs: c.runs, Calls: c.calls})
			})
		})
	}
}

func acknowledgeLate(*tghook.Update) (time.Duration, tghook.LatePolicy) {
	return 9 * time.Second, tghook.LateAck
}

// python-telegram-bot's custom webhook server with an update_queue, where the queue
// is durable: the door puts the update there, and the worker takes it off when its
// handler has succeeded.
func TestAQueueAndAWorkerLoseNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		queue := make(chan []byte, 10)
		door := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			queue <- u.Raw
			return tghook.NoReply, nil
		})
		failures := 1
		api := &rig.Caller{}
		worker := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			if failures--; failures >= 0 {
				return tghook.NoReply, rig.ErrBroken
			}
			return rig.Hello, nil
		})
		assert.Equal(t, "200", door.Post(rig.MessageIn(7, 1)), "into the queue")
		assert.Equal(t, "200", door.Post(rig.MessageIn(7, 1)), "the same again")
		assert.Len(t, queue, 1, "in the queue")
		raw := <-queue
		require.ErrorIs(t, worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), rig.ErrBroken, "a failure")
		assert.NoError(t, worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), "offered again")
		assert.NoError(t, worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), "offered once more")
		assert.Equal(t, []string{rig.HelloCall}, api.All(), "replies")
	})
}
