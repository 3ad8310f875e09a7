package adaptertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// Echo's own answer to an error would have a body, and its log would have an error for
// an update that Telegram sends again.
func (e Echo[M]) errorHandlerIsNotCalled(t *testing.T) {
	good := doortest.Delivery(doortest.Message(1))
	for name, c := range map[string]struct {
		h         tghook.HandlerFunc
		raw, want string
	}{
		"success":          {doortest.Idle, good, "200"},
		"a reply":          {doortest.Repeat, good, repeated(doortest.Message(1))},
		"an error":         {doortest.Failing(errors.New("no")), good, "500"},
		"an error of Echo": {doortest.Failing(e.ErrNotFound), good, "500"},
		"RetryAfter":       {doortest.Failing(tghook.RetryAfter(7*time.Second, errors.New("busy"))), good, "503 7"},
		"a wrong secret":   {doortest.Idle, doortest.Changed(1, doortest.Secret, "wrong"), "401 close"},
		"GET":              {doortest.Idle, "GET " + doortest.Path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n", "405 POST"},
		"a wrong type":     {doortest.Idle, doortest.Changed(1, "application/json", "text/xml"), "415"},
		"a large body":     {doortest.Idle, doortest.Delivery(doortest.Sized(1, 64<<10+1)), "413 close"},
		"a malformed body": {doortest.Idle, doortest.Delivery("{"), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logged := make(chan int, 1)
			b := doortest.NewBot(t, c.h, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 })
			app := e.New(EchoApp[M]{
				Use:  []M{e.RequestLogger(func(status int) { logged <- status })},
				Path: doortest.Path, Webhook: b.Webhook,
				OnError: func(err error) { t.Errorf("Echo's error handler was called with %v", err) },
			})
			assert.Equal(t, c.want, dial(t, app).Ask(c.raw))
			status := doortest.Await(t, logged, "RequestLogger")
			assert.Equal(t, c.want[:3], strconv.Itoa(status), "the status that RequestLogger saw")
		})
	}
}

func (e Echo[M]) panicIs500(t *testing.T) {
	b := doortest.NewBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("oops") })
	noError := e.Own(func(_ EchoContext, next func() error) error {
		err := next()
		assert.NoError(t, err, "returned by Recover")
		return err
	})
	app := e.New(EchoApp[M]{
		Use:  []M{noError, e.Recover()},
		Path: doortest.Path, Webhook: b.Webhook,
		OnError: func(err error) { t.Errorf("Recover recovered %v", err) },
	})
	assert.Equal(t, "500", dial(t, app).Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
	seen := b.Deliveries()
	require.Len(t, seen, 1)
	assert.Equal(t, 500, seen[0].Status)
	var panicked *tghook.PanicError
	require.ErrorAs(t, seen[0].Err, &panicked)
	assert.Equal(t, "oops", panicked.Value)
}

func (e Echo[M]) abortDropsTheConnection(t *testing.T) {
	b := doortest.NewBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(http.ErrAbortHandler) })
	conn := dial(t, e.mounted(b.Webhook, e.Gzip(), e.BodyLimit(1<<20), e.Recover()))
	conn.Send(doortest.Delivery(doortest.Message(1)))
	conn.Ended()
	assert.Equal(t, []int64{1}, b.Runs())
	assert.Len(t, b.Deliveries(), 1)
}

type contextKey struct{}

func (e Echo[M]) contextValuesReachTheHandler(t *testing.T) {
	b := doortest.NewBot(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, "abc", ctx.Value(contextKey{}))
		return tghook.NoReply, nil
	})
	app := e.mounted(b.Webhook, e.Own(func(c EchoContext, next func() error) error {
		r := c.Request()
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), contextKey{}, "abc")))
		return next()
	}))
	assert.Equal(t, "200", dial(t, app).Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
}

func (e Echo[M]) oneRouteServesManyBots(t *testing.T) {
	bots := map[string]*doortest.Bot{"red": doortest.NewBot(t, doortest.Repeat), "blue": doortest.NewBot(t, doortest.Idle)}
	known := e.Own(func(c EchoContext, next func() error) error {
		if bots[c.Param("bot")] == nil {
			return e.ErrNotFound
		}
		return next()
	})
	conn := dial(t, e.New(EchoApp[M]{
		Group: "/bots/:bot", GroupUse: []M{known},
		Path: "/telegram", Post: true,
		Choose: func(c EchoContext) *tghook.Webhook { return bots[c.Param("bot")].Webhook },
	}))
	for name, want := range map[string]string{
		"red":  repeated(doortest.Message(1)),
		"blue": "200",
	} {
		assert.Equal(t, want, conn.Ask(doortest.Changed(1, doortest.Path, "/bots/"+name+"/telegram")), name)
		assert.Equal(t, []int64{1}, bots[name].Runs(), name)
	}
	assert.Contains(t, conn.Ask(doortest.Changed(1, doortest.Path, "/bots/green/telegram")), "404 ", "a bot unknown to the group's middleware")
}

// On a route for all methods it is the webhook's answer, which errorHandlerIsNotCalled checks.
func (e Echo[M]) otherMethods(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle)
	conn := dial(t, e.New(EchoApp[M]{Path: doortest.Path, Post: true, Webhook: b.Webhook}))
	conn.Send(doortest.Changed(1, "POST", "PUT"))
	res := conn.Read()
	assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	assert.Equal(t, "OPTIONS, POST", res.Header.Get("Allow"), "Echo's own answer")
	assert.Equal(t, "200", conn.Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
	assert.Len(t, b.Deliveries(), 1)
}

// Telegram follows no redirect: RedirectCode would be a failure.
func (e Echo[M]) trailingSlash(t *testing.T) {
	b := doortest.NewBot(t, doortest.Repeat)
	app := EchoApp[M]{Path: doortest.Path, Webhook: b.Webhook}
	raw := doortest.Changed(1, doortest.Path, doortest.Path+"/?bot=1")
	assert.Contains(t, dial(t, e.New(app)).Ask(raw), "404 ", "without RemoveTrailingSlash")
	assert.Empty(t, b.Runs())
	app.Pre = []M{e.RemoveTrailingSlash()}
	assert.Equal(t, repeated(doortest.Message(1)), dial(t, e.New(app)).Ask(raw))
	assert.Equal(t, []int64{1}, b.Runs())
}

// An answer cannot be taken back. The update is handled all the same, and only once.
func (e Echo[M]) earlierAnswerStands(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle)
	conn := dial(t, e.mounted(b.Webhook, e.Own(func(c EchoContext, next func() error) error {
		if err := c.String(http.StatusAccepted, "early"); err != nil {
			return err
		}
		return next()
	})))
	for range 2 {
		assert.Equal(t, "202 text/plain; charset=UTF-8 early", conn.Ask(doortest.Delivery(doortest.Message(1))))
	}
	assert.Equal(t, []int64{1}, b.Runs())
}

func (e Echo[M]) manyUpdatesAtOnce(t *testing.T) {
	const senders, each = 16, 20
	b := doortest.NewBot(t, doortest.Repeat)
	server := httptest.NewServer(e.mounted(b.Webhook, e.Recover(), e.Gzip(), e.BodyLimit(1<<20)))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: doortest.Patience}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for s := range int64(senders) {
		all.Go(func() {
			for i := range int64(each) {
				id := s*each + i
				r := newRequest(t, server.URL+doortest.Path, id)
				r.RequestURI = "" // a client sets none
				if i%2 == 0 {
					r.ContentLength = -1
				}
				res, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				assert.Equal(t, http.StatusOK, res.StatusCode)
				assert.Equal(t, doortest.Repeated(doortest.Message(id)), string(body))
			}
		})
	}
	all.Wait()
	assert.Len(t, b.Runs(), senders*each)
}

// newRequest returns a delivery of a message.
func newRequest(t *testing.T, url string, id int64) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(doortest.Message(id)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(doortest.SecretHeader, doortest.Secret)
	return r
}

// The deadline has to reach the connection through every wrapper of its writer.
func (e Echo[M]) slowBodyIs408(t *testing.T) {
	for name, c := range map[string]struct {
		use  []M
		want string
	}{
		"none": {nil, "408 close"},
		"some": {
			[]M{e.Recover(), e.Gzip(), e.BodyLimit(1 << 20), e.ContextTimeout(time.Minute)},
			"408 map[Vary:[Accept-Encoding]] close",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := doortest.NewBot(t, doortest.Idle)
				memory := doortest.NewMemory()
				server := &http.Server{Handler: e.mounted(b.Webhook, c.use...), ReadHeaderTimeout: time.Minute}
				served := make(chan error, 1)
				go func() { served <- server.Serve(memory) }()
				defer func() {
					_ = server.Close()
					assert.ErrorIs(t, <-served, http.ErrServerClosed)
				}()
				conn := memory.Dial(t)
				start := time.Now()
				conn.Send(strings.TrimSuffix(doortest.Delivery(doortest.Message(1)), "}"))
				assert.Equal(t, c.want, conn.Answer())
				assert.Equal(t, 10*time.Second, time.Since(start))
				assert.Empty(t, b.Runs())
			})
		})
	}
}

// Nothing can give the body back, so the error has to say what took it.
func (e Echo[M]) bodyReadByBindIs400(t *testing.T) {
	bind := e.Own(func(c EchoContext, next func() error) error {
		var update struct {
			ID int64 `json:"update_id"`
		}
		if err := c.Bind(&update); err != nil {
			return err
		}
		assert.NotZero(t, update.ID)
		return next()
	})
	for _, name := range []string{"message", "message_large"} {
		b := doortest.NewBot(t, doortest.Idle)
		body := string(tghooktest.Update(name))
		assert.Equal(t, "400", dial(t, e.mounted(b.Webhook, bind)).Ask(doortest.Delivery(body)))
		seen := b.Deliveries()
		require.Len(t, seen, 1)
		var refused *tghook.RequestError
		require.ErrorAs(t, seen[0].Err, &refused)
		assert.Equal(t, 400, refused.Status)
		assert.Contains(t, refused.Problem, "the body is empty")
		assert.Contains(t, refused.Problem, "middleware")
		assert.Equal(t, "400", dial(t, e.mounted(b.Webhook, bind)).Ask(doortest.Chunked(body, "")))
		assert.Empty(t, b.Runs())
	}
}

func (e Echo[M]) bodyDump(t *testing.T) {
	b := doortest.NewBot(t, doortest.Repeat)
	dumped := make(chan [2]string, 1)
	app := e.mounted(b.Webhook, e.BodyDump(func(in, out []byte) { dumped <- [2]string{string(in), string(out)} }))
	message := doortest.Message(1)
	assert.Equal(t, repeated(message), dial(t, app).Ask(doortest.Delivery(message)))
	assert.Equal(t, []int64{1}, b.Runs())
	assert.Equal(t, [2]string{message, doortest.Repeated(message)}, doortest.Await(t, dumped, "BodyDump"))
}

func (e Echo[M]) bodyLimit(t *testing.T) {
	const limit = 1000
	for name, c := range map[string]struct {
		raw, want string
		problem   string // of the error that Observe sees; empty if Echo answers
	}{
		"at the limit":            {doortest.Delivery(doortest.Sized(1, limit)), "200", ""},
		"at the limit, in chunks": {doortest.Chunked(doortest.Sized(1, limit), ""), "200", ""},
		"over it": {
			doortest.Delivery(doortest.Sized(1, limit+1)), "413 application/json {\"message\":\"Request Entity Too Large\"}\n", "",
		},
		"over it, in chunks":     {doortest.Chunked(doortest.Sized(1, limit+1), ""), "413 close", "the body has more than 1000 bytes"},
		"far over it, in chunks": {doortest.Chunked(doortest.Sized(1, 90<<10), ""), "413 close", "the body has more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, doortest.Idle)
			assert.Equal(t, c.want, dial(t, e.mounted(b.Webhook, e.BodyLimit(limit))).Ask(c.raw))
			if c.want == "200" {
				assert.Equal(t, []int64{1}, b.Runs())
				return
			}
			assert.Empty(t, b.Runs())
			if c.problem == "" {
				assert.Empty(t, b.Deliveries())
				return
			}
			seen := b.Deliveries()
			require.Len(t, seen, 1)
			var refused *tghook.RequestError
			require.ErrorAs(t, seen[0].Err, &refused)
			assert.Equal(t, 413, refused.Status)
			assert.Contains(t, refused.Problem, c.problem)
		})
	}
}

// Telegram accepts gzip and offers it, so Telegram gets it.
func (e Echo[M]) gzip(t *testing.T) {
	long := strings.Repeat("hello ", 20<<10)
	for name, c := range map[string]struct {
		reply tghook.Reply
		err   error
		code  int
		after string // Retry-After
		want  string // the body once it is decompressed
	}{
		"a reply": {reply: tghook.Reply{Method: "leaveChat"}, want: `{"method":"leaveChat"}`, code: 200},
		"a long reply": {
			reply: tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": long}},
			want:  `{"method":"sendMessage","text":"` + long + `"}`, code: 200,
		},
		"no reply":   {code: 200},
		"an error":   {err: errors.New("no"), code: 500},
		"RetryAfter": {err: tghook.RetryAfter(7*time.Second, nil), code: 503, after: "7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { return c.reply, c.err })
			conn := dial(t, e.mounted(b.Webhook, e.Gzip()))
			conn.Send(doortest.Delivery(doortest.Message(1)))
			res := conn.Read()
			assert.Equal(t, c.code, res.StatusCode)
			assert.Equal(t, c.after, res.Header.Get("Retry-After"))
			if c.want == "" {
				assert.Empty(t, res.Text)
				assert.Zero(t, res.ContentLength)
				assert.Empty(t, res.Header.Get("Content-Encoding"))
				return
			}
			assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
			framed := res.ContentLength == int64(len(res.Text)) || len(res.TransferEncoding) == 1
			assert.True(t, framed, "Content-Length %d of %d bytes, Transfer-Encoding %q", res.ContentLength, len(res.Text), res.TransferEncoding)
			assert.False(t, res.Close)
			assert.Equal(t, c.want, gunzip(t, res))
		})
	}
}

// Telegram never comes to the end of a large file in gzip.
func (e Echo[M]) gzipOfAFile(t *testing.T) {
	dump := func() M { return e.BodyDump(func(_, _ []byte) {}) }
	for name, use := range map[string][]M{
		"alone":               {e.Gzip()},
		"twice":               {e.Gzip(), e.Gzip()},
		"around others":       {e.Gzip(), dump(), e.Recover(), e.BodyLimit(1 << 20)},
		"within others":       {e.Recover(), dump(), e.Gzip(), e.ContextTimeout(time.Minute)},
		"between two writers": {dump(), e.Gzip(), dump()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID%2 == 1 {
					return doortest.SendLargeFile(ctx, u)
				}
				return doortest.Repeat(ctx, u)
			})
			logged := make(chan int, 1)
			use = append([]M{e.RequestLogger(func(status int) { logged <- status })}, use...)
			conn := dial(t, e.mounted(b.Webhook, use...))
			for id := range int64(4) { // on one connection
				update := doortest.Sized(id, 5000)
				conn.Send(doortest.Delivery(update))
				if id%2 == 1 {
					doortest.WantLargeFile(t, conn.Read())
				} else if res := conn.Read(); name != "twice" {
					assert.Equal(t, doortest.Repeated(update), gunzip(t, res))
				}
				assert.Equal(t, 200, doortest.Await(t, logged, "what RequestLogger logs"))
			}
		})
	}
}

// gunzip returns the body of a response in gzip.
func gunzip(t *testing.T, res doortest.Response) string {
	t.Helper()
	require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	unzipped, err := gzip.NewReader(strings.NewReader(res.Text))
	require.NoError(t, err)
	body, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	return string(body)
}

// Telegram never compresses. Decompress leaves Content-Encoding as it is, so that the
// webhook takes the body for a compressed one.
func (e Echo[M]) decompress(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, doortest.Message(1))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	b := doortest.NewBot(t, doortest.Idle)
	conn := dial(t, e.mounted(b.Webhook, e.Decompress()))
	raw := strings.Replace(doortest.Delivery(packed.String()), "Connection:", "Content-Encoding: gzip\r\nConnection:", 1)
	assert.Equal(t, "415", conn.Ask(raw))
	assert.Empty(t, b.Runs())
	assert.Equal(t, "200", conn.Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
}

// Echo's own 503, at the end of the request's context, would have no Retry-After.
func (e Echo[M]) timeouts(t *testing.T) {
	for name, timeout := range e.Timeouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(6 * time.Second)
					if err := ctx.Err(); err != nil {
						t.Errorf("the handler's context has ended with the request's: %v", err)
					}
					return doortest.Repeat(ctx, u)
				})
				app := e.mounted(b.Webhook, timeout(4*time.Second))
				send := func() *httptest.ResponseRecorder {
					rec := httptest.NewRecorder()
					app.ServeHTTP(rec, newRequest(t, doortest.Path, 1))
					return rec
				}
				start := time.Now()
				late := send()
				assert.Equal(t, 503, late.Code)
				assert.Equal(t, "2", late.Header().Get("Retry-After"))
				assert.Empty(t, late.Body.String())
				assert.Equal(t, 3500*time.Millisecond, time.Since(start))
				time.Sleep(2 * time.Second)
				redelivery := send()
				assert.Equal(t, 200, redelivery.Code)
				assert.Equal(t, doortest.Repeated(doortest.Message(1)), redelivery.Body.String())
				assert.Equal(t, 6*time.Second, time.Since(start))
				assert.Equal(t, []int64{1}, b.Runs())
			})
		})
	}
}
