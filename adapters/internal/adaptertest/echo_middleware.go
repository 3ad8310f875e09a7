package adaptertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/doortest"
	"github.com/tghook/tghook/tghooktest"
)

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
