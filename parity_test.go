package tghook_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
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
	"github.com/tghook/tghook/internal/rig"
)

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
	assert.Equal(t, found("run_env.go"), found("docs/running.md"), "docs/running.md")
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
		req.Header.Set("X-Telegram-Bot-API-Secret-Token", rig.HookSecret)
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
		assert.True(t, errors.Is(r.Letter(0).Err, rig.ErrBroken), "told to DeadLetter")
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
		assert.True(t, errors.Is(worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), rig.ErrBroken), "a failure")
		assert.NoError(t, worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), "offered again")
		assert.NoError(t, worker.Deliver(t.Context(), rig.Parsed(t, string(raw))), "offered once more")
		assert.Equal(t, []string{rig.HelloCall}, api.All(), "replies")
	})
}
