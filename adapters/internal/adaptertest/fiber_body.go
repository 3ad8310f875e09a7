package adaptertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
)

// Other requests of the same connections use the memory long before the handler returns.
func (f Fiber[M]) updatesOutliveTheirMemory(t *testing.T) {
	for name, app := range map[string]FiberApp[M]{
		"default":           {},
		"Immutable":         {Immutable: true},
		"StreamRequestBody": {StreamRequestBody: true},
		"ReduceMemoryUsage": {ReduceMemoryUsage: true},
	} {
		for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
			t.Run(fmt.Sprint(name, policy), func(t *testing.T) {
				t.Parallel()
				f.outlive(t, app, policy)
			})
		}
	}
}

func (f Fiber[M]) outlive(t *testing.T, app FiberApp[M], policy tghook.LatePolicy) {
	t.Helper()
	const updates, others = 8, 200
	release := make(chan struct{})
	calls := make(caller, updates)
	b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID > updates {
			return tghook.NoReply, nil
		}
		<-release
		same, _ := tghook.FromContext(ctx)
		assert.Same(t, u, same, "FromContext")
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
	app.Path, app.Webhook = doortest.Path, b.Webhook
	app.Use = []M{f.Own(func(c FiberContext) error {
		c.SetContext(context.WithValue(c.Context(), contextKey{}, "value of "+strings.Clone(c.Query("n"))))
		return c.Next()
	})}
	addr := f.listen(t, app)
	raw := func(id int64, letter string) (body, raw string) {
		body = doortest.Saying(id, strings.Repeat(letter, 3000))
		return body, strings.Replace(doortest.Delivery(body), doortest.Path, fmt.Sprint(doortest.Path, "?n=", id), 1)
	}
	wires := make([]*doortest.Conn, updates+1)
	var want, got []string
	for id := int64(1); id <= updates; id++ {
		body, raw := raw(id, "u")
		want = append(want, doortest.Repeated(fmt.Sprint(id, "message", 1000+id, "value of ", id, body)))
		wires[id] = doortest.Dial(t, addr)
		late := map[tghook.LatePolicy]string{tghook.LateRetry: "503 2", tghook.LateAck: "200"}
		assert.Equal(t, late[policy], wires[id].Ask(raw))
	}
	for n := range int64(others) {
		id := updates + 1 + n
		_, raw := raw(id, "o")
		assert.Equal(t, "200", wires[1+n%updates].Ask(strings.ReplaceAll(raw, "bot.example.org", "other.example.com")))
	}
	close(release)
	for id := int64(1); id <= updates; id++ {
		if policy == tghook.LateRetry {
			_, raw := raw(id, "u")
			got = append(got, strings.TrimPrefix(wires[id].Ask(raw), "200 application/json "))
		} else {
			got = append(got, doortest.Await(t, calls, "the call of a late reply"))
		}
	}
	assert.ElementsMatch(t, want, got)
}

// A caller is a tghook.Caller that sends the body which a response would have.
type caller chan string

func (c caller) Call(_ context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	c <- fmt.Sprintf(`{"method":%q,%s`, method, encoded[1:])
	return err
}

func (f Fiber[M]) deliveriesOutliveTheirMemory(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle)
	app := f.mounted(b.Webhook)
	app.StreamRequestBody = true
	addr := f.listen(t, app)
	refused := []string{
		doortest.Changed(1, "POST", "OPTIONS"),
		doortest.Delivery(doortest.Saying(1, "\a\b\f")),
		doortest.Head + "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n",
	}
	want := make([]string, 0, len(refused))
	for _, raw := range refused {
		w := doortest.Dial(t, addr)
		require.Regexp(t, "^40[05]", w.Ask(raw))
		seen := b.Deliveries()
		want = append(want, strings.Clone(seen[len(seen)-1].Err.Error()))
		_ = w.Close()
		w = doortest.Dial(t, addr)
		for id := int64(100); id < 150; id++ {
			assert.Equal(t, "200", w.Ask(doortest.Delivery(doortest.Message(id))))
		}
	}
	var got []string
	for _, v := range b.Deliveries() {
		if v.Err != nil {
			got = append(got, v.Err.Error())
		}
	}
	assert.Equal(t, want, got)
}

func (f Fiber[M]) streamIsRefusedEarly(t *testing.T) {
	const limit = 100 << 10
	first := strings.Repeat("x", 8<<10) // fasthttp waits for that much
	b := doortest.NewBot(t, doortest.Repeat, func(cfg *tghook.Config) { cfg.MaxBody = limit })
	app := f.mounted(b.Webhook)
	app.StreamRequestBody, app.BodyLimit = true, 1000 // which does not bound a streamed body
	addr := f.listen(t, app)

	w := doortest.Dial(t, addr)
	assert.Equal(t, "413 close", w.Ask(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", doortest.Head, 1<<40, first)))
	w.Ended()
	w = doortest.Dial(t, addr)
	w.Send(doortest.Head + "Transfer-Encoding: chunked\r\n\r\n")
	for range limit/1024 + 1 {
		w.Send("400\r\n" + strings.Repeat("x", 1024) + "\r\n")
	}
	assert.Equal(t, "413 close", w.Answer())
	w.Ended()
	w = doortest.Dial(t, addr)
	assert.Equal(t, "401 close", w.Ask(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", strings.Replace(doortest.Head, doortest.Secret, "wrong", 1), limit, first)))
	w.Ended()
	assert.Empty(t, b.Runs())

	w = doortest.Dial(t, addr)
	assert.Equal(t, repeated(doortest.Sized(1, limit)), w.Ask(doortest.Delivery(doortest.Sized(1, limit))))
	assert.Equal(t, repeated(doortest.Sized(2, limit)), w.Ask(doortest.Chunked(doortest.Sized(2, limit), "")))
}

// fasthttp alone takes it for one: https://cwe.mitre.org/data/definitions/444.html.
func (f Fiber[M]) restOfARefusedStream(t *testing.T) {
	for name, c := range map[string]struct {
		size int
		want string // the end of the answer
	}{
		"a small body": {1000, ""},
		"a body":       {100_000, ""},
		"a large body": {1_000_000, " close"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, doortest.Repeat)
			app := f.mounted(b.Webhook, f.Own(func(c FiberContext) error {
				if c.Path() == "/hidden" {
					t.Error("the body of a refused request was served as a request")
				}
				return c.Next()
			}))
			app.StreamRequestBody = true
			addr := f.listen(t, app)
			const hidden = "GET /hidden HTTP/1.1\r\nHost: bot.example.org\r\n\r\n"
			body := strings.Repeat(hidden, c.size/len(hidden))
			for refused, raw := range map[string]string{
				"405 POST": strings.Replace(doortest.Delivery(body), "POST", "PUT", 1),
				"415":      strings.Replace(doortest.Delivery(body), "application/json", "text/plain", 1),
				"415 ":     strings.Replace(doortest.Chunked(body, ""), "application/json", "text/plain", 1),
			} {
				w := doortest.Dial(t, addr)
				go func() { _, _ = io.WriteString(w, raw) }() // the server may not read it all
				assert.Equal(t, strings.TrimSpace(refused)+c.want, w.Answer())
				if c.want != "" {
					w.Ended()
					continue
				}
				assert.Equal(t, repeated(doortest.Message(1)), w.Ask(doortest.Delivery(doortest.Message(1))))
			}
		})
	}
}

func (f Fiber[M]) bodyThatBreaksOff(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := doortest.NewBot(t, doortest.Idle)
			app := f.mounted(b.Webhook)
			app.StreamRequestBody, app.ReadTimeout = streamed, time.Second
			w := f.pipe(t, app)
			go w.Send(strings.TrimSuffix(doortest.Delivery(doortest.Sized(1, 20_000)), "}"))
			assert.Regexp(t, "^408 ", w.Answer(), "StreamRequestBody %v", streamed)
			w.Ended()
			assert.Empty(t, b.Runs())
			assert.Equal(t, "200", f.pipe(t, app).Ask(doortest.Delivery(doortest.Sized(1, 20_000))))
		})
	}
}

func (f Fiber[M]) bodyLimitBelowMaxBody(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle)
	app := f.mounted(b.Webhook)
	app.BodyLimit = 1000
	addr := f.listen(t, app)
	for _, raw := range []string{doortest.Delivery(doortest.Sized(1, 1001)), doortest.Chunked(doortest.Sized(1, 1001), "")} {
		w := doortest.Dial(t, addr)
		assert.Regexp(t, "^413 text/plain.* close Request Entity Too Large$", w.Ask(raw), "Fiber's own answer")
		w.Ended()
	}
	assert.Equal(t, "200", doortest.Dial(t, addr).Ask(doortest.Delivery(doortest.Sized(1, 1000))))
	assert.Equal(t, []int64{1}, b.Runs())
	assert.Len(t, b.Deliveries(), 1, "Observe sees nothing of the requests that Fiber answers")
}

func (f Fiber[M]) bodyLimitAboveMaxBody(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 })
	app := f.mounted(b.Webhook)
	app.BodyLimit = 128 << 10
	addr := f.listen(t, app)
	for _, raw := range []string{doortest.Delivery(doortest.Sized(1, 64<<10+1)), doortest.Chunked(doortest.Sized(1, 64<<10+1), "")} {
		w := doortest.Dial(t, addr)
		assert.Equal(t, "413 close", w.Ask(raw))
		w.Ended()
	}
	assert.Equal(t, "200", doortest.Dial(t, addr).Ask(doortest.Delivery(doortest.Sized(1, 64<<10))))
	assert.Equal(t, []int64{1}, b.Runs())
	assert.Len(t, b.Deliveries(), 3)
}

// The bytes of a reply are kept for redeliveries.
func (f Fiber[M]) middlewareThatWritesIntoAReply(t *testing.T) {
	b := doortest.NewBot(t, doortest.Repeat)
	spoil := true
	app := f.mounted(b.Webhook, f.Own(func(c FiberContext) error {
		err := c.Next()
		if body := c.Answer(); spoil {
			copy(body, bytes.Repeat([]byte("x"), len(body)))
		}
		return err
	}))
	w := f.dial(t, app)
	assert.Equal(t, "200 application/json "+strings.Repeat("x", len(doortest.Repeated(doortest.Message(1)))), w.Ask(doortest.Delivery(doortest.Message(1))))
	spoil = false
	assert.Equal(t, repeated(doortest.Message(1)), w.Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
}

func (f Fiber[M]) compress(t *testing.T) {
	b := doortest.NewBot(t, doortest.Repeat)
	w := f.dial(t, f.mounted(b.Webhook, f.Compress()))
	update := doortest.Sized(1, 5000)
	for range 3 {
		w.Send(doortest.Delivery(update))
		res := w.Read()
		assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
		assert.Equal(t, doortest.Repeated(update), gunzip(t, res))
	}
	w.Send(doortest.Delivery(doortest.Message(2))) // too short to be compressed
	assert.Equal(t, doortest.Repeated(doortest.Message(2)), w.Read().Text)
	assert.Equal(t, []int64{1, 2}, b.Runs())
}

// Telegram never comes to the end of a large file in gzip.
func (f Fiber[M]) compressAFile(t *testing.T) {
	for name, use := range map[string][]M{
		"Compress":       {f.Compress()},
		"ETag":           {f.ETag()},
		"Compress, ETag": {f.Compress(), f.ETag()},
		"ETag, Compress": {f.ETag(), f.Compress()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := f.dial(t, f.mounted(doortest.NewBot(t, doortest.SendLargeFile).Webhook, use...))
			for range 3 { // an answer and its repeats
				w.Send(doortest.Delivery(doortest.Message(1)))
				doortest.WantLargeFile(t, w.Read())
			}
		})
	}
}
