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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
)

// What docs/coming-from.md promises and no other test shows.

func TestEveryRowOfComingFromNamesItsTest(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(source, -1) {
			tests[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, ""), "|")
		if len(cells) != 5 || strings.TrimSpace(cells[1]) == "there" || strings.HasPrefix(cells[1], "---") {
			continue
		}
		rows++
		named := regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no test is named for %s", cells[1])
		}
		for _, match := range named {
			if !tests[match[1]] {
				t.Errorf("%s: there is no %s", cells[1], match[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d rows were found", rows)
	}
}

func TestTheDocumentationHasEachVariableOfFromEnv(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`TELEGRAM_[A-Z_]+`)
	found := func(file string) map[string]bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, name := range variable.FindAllString(string(text), -1) {
			names[name] = true
		}
		return names
	}
	same(t, "docs/running.md", found("docs/running.md"), found("run_env.go"))
}

// python-telegram-bot's start_webhook(listen, port, url_path, cert, key,
// webhook_url, secret_token, ip_address, max_connections, allowed_updates,
// drop_pending_updates).
func TestRunDoesWhatStartWebhookDoes(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	public, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	r := startRun(t, replying(hello, nil), func(r *running, cfg *tghook.RunConfig) {
		*cfg = tghook.RunConfig{
			Token: apiToken, Client: cfg.Client,
			Listen: "127.0.0.1:" + r.port, Path: "/bot", URL: "https://" + r.address + "/bots/first",
			CertFile: certFile, KeyFile: keyFile, Certificate: public,
			Webhook:   tghook.Config{Secret: hookToken},
			IPAddress: "127.0.0.1", MaxConnections: 3, AllowedUpdates: []string{"message"}, DropPending: false,
		}
		// Telegram tells of no difference, but does not tell the certificate.
		r.set(tghook.WebhookRequest{
			URL: cfg.URL, Certificate: public, IPAddress: cfg.IPAddress, MaxConnections: 3, AllowedUpdates: cfg.AllowedUpdates, InsecureNoSecret: true,
		})
		r.tg.ExpectCall(t, "setWebhook")
	})
	call := r.begun()
	same(t, "setWebhook", call.Params, map[string]string{
		"url": "https://" + r.address + "/bots/first", "secret_token": hookToken,
		"ip_address": "127.0.0.1", "max_connections": "3", "allowed_updates": `["message"]`,
	})
	same(t, "certificate", string(call.Files["certificate"].Content), string(public))
	client := clientBy(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	same(t, "an update", r.post(client, "https://"+r.address+"/bot", messageIn(7, 1)), "200 "+helloBody)
	r.end()
}

// ktgbotapi's subroute: a route of the server's that has no update's path itself.
func TestAWebhookIsServedBelowARoute(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, replying(hello, nil))
	bots := http.NewServeMux()
	bots.Handle("POST /first", w)
	site := http.NewServeMux()
	site.Handle("/bots/", http.StripPrefix("/bots", bots))
	for path, want := range map[string]int{"/bots/first": 200, "/bots/second": 404, "/first": 404} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(messageIn(7, 1)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", hookSecret)
		rec := httptest.NewRecorder()
		site.ServeHTTP(rec, req)
		same(t, path, rec.Code, want)
	}
}

// ktgbotapi's exception handler, and python-telegram-bot's error handlers: here an
// error that was seen is still one for Telegram, unless it is taken away.
func TestAnErrorIsSeenAndMayBeTakenAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
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
		h := tghook.Chain(replying(tghook.NoReply, errBroken), see)
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 2}}, h.HandleUpdate)
		same(t, "seen", r.post(messageIn(7, 1)), "500")
		same(t, "told to Observe", r.last().Err, errBroken)
		same(t, "taken away", r.post(messageIn(8, 2)), "200")
		same(t, "the last attempt", r.post(messageIn(7, 1)), "200")
		same(t, "told to DeadLetter", errors.Is(r.letter(0).err, errBroken), true)
		same(t, "told to the middleware", seen, []error{errBroken, errBroken, errBroken})
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
		`"throw"`:                          {tghook.Config{Late: tghook.LateRetry}, "503 after 2", helloAnswer, 1, 0},
		`"throw", and end the handler`:     {tghook.Config{Late: tghook.LateCancel}, "503", "503", 2, 0},
		`"return"`:                         {tghook.Config{Late: tghook.LateAck}, "200", helloAnswer, 1, 0},
		"a function of one's own":          {tghook.Config{Deadline: acknowledgeLate}, "200", helloAnswer, 1, 0},
		"timeoutMilliseconds of 15 s":      {tghook.Config{LateAfter: 15 * time.Second}, helloAnswer, helloAnswer, 1, 0},
		"timeoutMilliseconds of 10 s":      {tghook.Config{LateAfter: 10 * time.Second}, "503 after 2", helloAnswer, 1, 0},
		`"return", and nothing comes anew`: {tghook.Config{Late: tghook.LateAck}, "200", "", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c.cfg.Dispatch.Caller = &apiCalls{}
				r := newRig(t, c.cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					select {
					case <-time.After(12 * time.Second):
						return hello, nil
					case <-ctx.Done():
						return tghook.NoReply, context.Cause(ctx)
					}
				})
				same(t, "the answer", r.post(messageIn(7, 1)), c.answer)
				if c.redelivery != "" {
					same(t, "the redelivery", r.post(messageIn(7, 1)), c.redelivery)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				r.did(c.runs, 0, c.calls)
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
	inBubble(t, func(t *testing.T) {
		queue := make(chan []byte, 10)
		door := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			queue <- u.Raw
			return tghook.NoReply, nil
		})
		failures := 1
		api := &apiCalls{}
		worker := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			if failures--; failures >= 0 {
				return tghook.NoReply, errBroken
			}
			return hello, nil
		})
		same(t, "into the queue", door.post(messageIn(7, 1)), "200")
		same(t, "the same again", door.post(messageIn(7, 1)), "200")
		same(t, "in the queue", len(queue), 1)
		raw := <-queue
		same(t, "a failure", errors.Is(worker.Deliver(t.Context(), parsed(t, string(raw))), errBroken), true)
		same(t, "offered again", worker.Deliver(t.Context(), parsed(t, string(raw))), nil)
		same(t, "offered once more", worker.Deliver(t.Context(), parsed(t, string(raw))), nil)
		same(t, "replies", api.all(), []string{helloCall})
	})
}
