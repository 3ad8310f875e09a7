package tgfiberv3_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/compress"

	"github.com/tghook/tghook"
)

// Other requests of the same connections have the memory long before the handler
// returns.
func TestAnUpdateOutlivesTheMemoryThatItCameIn(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]fiber.Config{
		"default":           {},
		"Immutable":         {Immutable: true},
		"StreamRequestBody": {StreamRequestBody: true},
		"ReduceMemoryUsage": {ReduceMemoryUsage: true},
	} {
		for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
			t.Run(fmt.Sprint(name, policy), func(t *testing.T) {
				t.Parallel()
				outlive(t, cfg, policy)
			})
		}
	}
}

func outlive(t *testing.T, cfg fiber.Config, policy tghook.LatePolicy) {
	t.Helper()
	const updates, others = 8, 200
	release := make(chan struct{})
	calls := make(caller, updates)
	b := newBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID > updates {
			return tghook.NoReply, nil
		}
		<-release
		same, ok := tghook.FromContext(ctx)
		if !ok || same != u {
			t.Errorf("FromContext has %v, want %v", same, u)
		}
		text := fmt.Sprint(u.ID, u.Kind, u.ChatID, ctx.Value(contextKey{}), string(u.Raw))
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": text}}, nil
	}, func(cfg *tghook.Config) {
		cfg.Dispatch.Caller = calls
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			select {
			case <-release:
			default:
				if u.ID <= updates {
					return 20 * time.Millisecond, policy
				}
			}
			return -1, policy
		}
	})
	addr := listen(t, mounted(cfg, b.Webhook, func(c fiber.Ctx) error {
		c.SetContext(context.WithValue(c.Context(), contextKey{}, "value of "+strings.Clone(c.Query("n"))))
		return c.Next()
	}))
	raw := func(id int64, letter string) (body, raw string) {
		body = saying(id, strings.Repeat(letter, 3000))
		return body, strings.Replace(delivery(body), path, fmt.Sprint(path, "?n=", id), 1)
	}
	wires := make([]*wire, updates+1)
	want := map[string]bool{}
	for id := int64(1); id <= updates; id++ {
		body, raw := raw(id, "u")
		want[fmt.Sprintf(`{"method":"sendMessage","text":%q}`, fmt.Sprint(id, "message", 1000+id, "value of ", id, body))] = true
		wires[id] = dial(t, addr)
		got := wires[id].ask(raw)
		if policy == tghook.LateRetry && got != "503 2" || policy == tghook.LateAck && got != "200" {
			t.Errorf("update %d is answered %s", id, got)
		}
	}
	for n := range int64(others) {
		id := updates + 1 + n
		_, raw := raw(id, "o")
		is(t, wires[1+n%updates].ask(strings.ReplaceAll(raw, "bot.example.org", "other.example.com")), "200")
	}
	close(release)
	for id := int64(1); id <= updates; id++ {
		var got string
		if policy == tghook.LateRetry {
			_, raw := raw(id, "u")
			got = strings.TrimPrefix(wires[id].ask(raw), "200 application/json ")
		} else {
			got = await(t, calls, "the call of a late reply")
		}
		if !want[got] {
			t.Errorf("the handler had %.300s", got)
		}
		delete(want, got)
	}
}

// caller is a Caller that passes on what a response would carry.
type caller chan string

func (c caller) Call(_ context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	c <- fmt.Sprintf(`{"method":%q,%s`, method, encoded[1:])
	return err
}

func TestWhatObserveIsToldStaysAsItWas(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle)
	addr := listen(t, mounted(fiber.Config{StreamRequestBody: true}, b.Webhook))
	refused := []string{
		swap(1, "POST", "OPTIONS"),
		delivery(saying(1, "\a\b\f")),
		head + "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n",
	}
	want := make([]string, 0, len(refused))
	for _, raw := range refused {
		w := dial(t, addr)
		if got := w.ask(raw); !strings.HasPrefix(got, "40") {
			t.Fatalf("answered %s, want 400 or 405", got)
		}
		told := b.told()
		want = append(want, strings.Clone(told[len(told)-1].Err.Error()))
		_ = w.Close()
		w = dial(t, addr)
		for id := int64(100); id < 150; id++ {
			is(t, w.ask(delivery(message(id))), "200")
		}
	}
	var got []string
	for _, v := range b.told() {
		if v.Err != nil {
			got = append(got, v.Err.Error())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("Observe was told %q, which became %q", want, got)
	}
}

func TestAStreamedBodyIsRefusedBeforeItHasCome(t *testing.T) {
	t.Parallel()
	const limit = 100 << 10
	first := strings.Repeat("x", 8<<10) // fasthttp waits for that much
	b := newBot(t, echo, func(cfg *tghook.Config) { cfg.MaxBody = limit })
	// It does not bound a streamed body.
	addr := listen(t, mounted(fiber.Config{StreamRequestBody: true, BodyLimit: 1000}, b.Webhook))

	w := dial(t, addr)
	is(t, w.ask(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, 1<<40, first)), "413 close")
	w.ended()
	w = dial(t, addr)
	w.send(head + "Transfer-Encoding: chunked\r\n\r\n")
	for range limit/1024 + 1 {
		w.send("400\r\n" + strings.Repeat("x", 1024) + "\r\n")
	}
	is(t, w.answer(), "413 close")
	w.ended()
	w = dial(t, addr)
	is(t, w.ask(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", strings.Replace(head, secret, "wrong", 1), limit, first)), "401 close")
	w.ended()
	b.ran()

	w = dial(t, addr)
	is(t, w.ask(delivery(sized(1, limit))), echoed(sized(1, limit)))
	is(t, w.ask(chunked(sized(2, limit), "")), echoed(sized(2, limit)))
}

// fasthttp would: https://cwe.mitre.org/data/definitions/444.html.
func TestTheRestOfARefusedStreamIsNotTakenForARequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int
		want string // the end of what is answered
	}{
		"a small body": {1000, ""},
		"a body":       {100_000, ""},
		"a large body": {1_000_000, " close"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, echo)
			app := mounted(fiber.Config{StreamRequestBody: true}, b.Webhook)
			app.Get("/hidden", func(fiber.Ctx) error {
				t.Error("the body of a refused request was served as a request")
				return nil
			})
			addr := listen(t, app)
			const hidden = "GET /hidden HTTP/1.1\r\nHost: bot.example.org\r\n\r\n"
			body := strings.Repeat(hidden, c.size/len(hidden))
			for refused, raw := range map[string]string{
				"405 POST": strings.Replace(delivery(body), "POST", "PUT", 1),
				"415":      strings.Replace(delivery(body), "application/json", "text/plain", 1),
				"415 ":     strings.Replace(chunked(body, ""), "application/json", "text/plain", 1),
			} {
				w := dial(t, addr)
				go func() { _, _ = io.WriteString(w, raw) }() // it may well not be read
				is(t, w.answer(), strings.TrimSpace(refused)+c.want)
				if c.want != "" {
					w.ended()
					continue
				}
				is(t, w.ask(delivery(message(1))), echoed(message(1)))
			}
		})
	}
}

func TestABodyThatBreaksOffIsNotRun(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBot(t, idle)
			app := mounted(fiber.Config{StreamRequestBody: streamed, ReadTimeout: time.Second, DisableDefaultDate: true}, b.Webhook)
			w := pipe(t, app)
			go w.send(strings.TrimSuffix(delivery(sized(1, 20_000)), "}"))
			if got := w.answer(); !strings.HasPrefix(got, "408 ") {
				t.Errorf("StreamRequestBody %v: answered %s, want 408", streamed, got)
			}
			w.ended()
			b.ran()
			is(t, pipe(t, app).ask(delivery(sized(1, 20_000))), "200")
		})
	}
}

func TestABodyLimitBelowMaxBodyIsFibersToAnswer(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle)
	addr := listen(t, mounted(fiber.Config{BodyLimit: 1000}, b.Webhook))
	for _, raw := range []string{delivery(sized(1, 1001)), chunked(sized(1, 1001), "")} {
		w := dial(t, addr)
		if got := w.ask(raw); !strings.HasPrefix(got, "413 text/plain") || !strings.HasSuffix(got, " close Request Entity Too Large") {
			t.Errorf("answered %s, want Fiber's 413", got)
		}
		w.ended()
	}
	is(t, dial(t, addr).ask(delivery(sized(1, 1000))), "200")
	b.ran(1)
	if told := b.told(); len(told) != 1 {
		t.Errorf("Observe was told %+v, want nothing of what Fiber answered", told)
	}
}

func TestABodyLimitAboveMaxBodyLeavesItToTheWebhook(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 })
	addr := listen(t, mounted(fiber.Config{BodyLimit: 128 << 10}, b.Webhook))
	for _, raw := range []string{delivery(sized(1, 64<<10+1)), chunked(sized(1, 64<<10+1), "")} {
		w := dial(t, addr)
		is(t, w.ask(raw), "413 close")
		w.ended()
	}
	is(t, dial(t, addr).ask(delivery(sized(1, 64<<10))), "200")
	b.ran(1)
	if told := b.told(); len(told) != 3 {
		t.Errorf("Observe was told %+v, want all three", told)
	}
}

// The bytes of a reply are kept for redeliveries.
func TestMiddlewareThatWritesIntoAReplyDoesNotSpoilItsRepetition(t *testing.T) {
	t.Parallel()
	b := newBot(t, echo)
	spoil := true
	app := mounted(fiber.Config{}, b.Webhook, func(c fiber.Ctx) error {
		err := c.Next()
		if body := c.Response().Body(); spoil {
			copy(body, bytes.Repeat([]byte("x"), len(body)))
		}
		return err
	})
	w := dial(t, listen(t, app))
	is(t, w.ask(delivery(message(1))), "200 application/json "+strings.Repeat("x", len(echoedBody(message(1)))))
	spoil = false
	is(t, w.ask(delivery(message(1))), echoed(message(1)))
	b.ran(1)
}

func TestACompressedReplyIsWholeAndSoIsItsRepetition(t *testing.T) {
	t.Parallel()
	b := newBot(t, echo)
	w := dial(t, listen(t, mounted(fiber.Config{}, b.Webhook, compress.New())))
	update := sized(1, 5000)
	for range 3 {
		w.send(delivery(update))
		res := w.read()
		if res.header.Get("Content-Encoding") != "gzip" || res.header.Get("Content-Type") != "application/json" {
			t.Fatalf("answered with %v, want gzip of application/json", res.header)
		}
		unzipped, err := gzip.NewReader(strings.NewReader(res.body))
		if err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(unzipped)
		if err != nil || string(reply) != echoedBody(update) {
			t.Errorf("answered %.300s and %v, want %.300s", reply, err, echoedBody(update))
		}
	}
	w.send(delivery(message(2))) // too short to be worth it
	if res := w.read(); res.body != echoedBody(message(2)) {
		t.Errorf("answered %q, want %q", res.body, echoedBody(message(2)))
	}
	b.ran(1, 2)
}
