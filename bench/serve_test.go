package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

const secret = rivals.Secret

// BenchmarkServe measures one update from ServeHTTP's call to its return, with
// every protection on (secret, seen, lane, guard), against a handler that only
// reads the body, and against the JSON decoding alone.
func BenchmarkServe(b *testing.B) {
	for _, name := range bodies {
		body := tghooktest.Update(name)
		b.Run(name, func(b *testing.B) {
			b.Run("bare", func(b *testing.B) { serve(b, body, bare()) })
			b.Run("unmarshal", func(b *testing.B) { unmarshal(b, body) })
			b.Run("tghook_raw", func(b *testing.B) { serve(b, body, hook(b, raw)) })
			b.Run("tghook_album", func(b *testing.B) { serve(b, body, hook(b, withAlbum)) })
			b.Run("tghook_typed", func(b *testing.B) { serve(b, body, hook(b, typed)) })
		})
	}
}

var raw = tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	handled += u.ID & 1
	return tghook.NoReply, nil
})

// withAlbum is raw for all that is not an item of an album.
var withAlbum = tghook.Chain(raw, tghook.Album(func(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
	handled += us[0].ID & 1
	return tghook.NoReply, nil
}, tghook.AlbumConfig{}))

var typed = tghook.Typed(func(_ context.Context, u *models.Update) (tghook.Reply, error) {
	handled += u.ID & 1
	return tghook.NoReply, nil
})

var handled int64

func hook(b *testing.B, h tghook.Handler) http.Handler {
	b.Helper()
	w, err := rivals.Tghook(h)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// bare reads the body into a pooled buffer and answers 200.
func bare() http.Handler {
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		buffer := buffers.Get().(*bytes.Buffer)
		buffer.Reset()
		if _, err := buffer.ReadFrom(r.Body); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
		}
		buffers.Put(buffer)
		rw.WriteHeader(http.StatusOK)
	})
}

func unmarshal(b *testing.B, body []byte) {
	b.ReportAllocs()
	for b.Loop() {
		var u models.Update
		if err := json.Unmarshal(body, &u); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAlone measures an update that comes after a pause, from ServeHTTP's call to its
// return. For such an update a goroutine is started and its stack has to grow.
func BenchmarkAlone(b *testing.B) {
	d, h := newDeliverer(tghooktest.Update("message")), hook(b, typed)
	var took time.Duration
	for b.Loop() {
		time.Sleep(50 * time.Microsecond)
		begun := time.Now()
		if status := d.deliver(h); status != http.StatusOK {
			b.Fatalf("answered %d", status)
		}
		took += time.Since(begun)
	}
	b.ReportMetric(float64(took)/float64(b.N), "ns/update")
	b.ReportMetric(0, "ns/op")
}

func serve(b *testing.B, body []byte, h http.Handler) {
	b.Helper()
	d := newDeliverer(body)
	b.ReportAllocs()
	for b.Loop() {
		if status := d.deliver(h); status != http.StatusOK {
			b.Fatalf("answered %d", status)
		}
	}
}

// deliverer passes one update after the other to a handler, each with an id of its own,
// without an allocation.
type deliverer struct {
	body    []byte
	digits  []byte // of update_id, within body
	id      int64
	reader  bytes.Reader
	request *http.Request
	writer  writer
}

func newDeliverer(body []byte) *deliverer {
	const prefix, width = `{"update_id":`, 9
	d := &deliverer{body: bytes.Clone(body), id: 100_000_000}
	d.digits = d.body[len(prefix) : len(prefix)+width]
	d.request = httptest.NewRequestWithContext(context.Background(), http.MethodPost, rivals.Path, nil)
	d.request.Body = io.NopCloser(&d.reader)
	d.request.ContentLength = int64(len(body))
	d.request.Header.Set("Content-Type", "application/json")
	d.request.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	d.writer.header = http.Header{}
	return d
}

func (d *deliverer) deliver(h http.Handler) (status int) {
	d.id++
	strconv.AppendInt(d.digits[:0], d.id, 10)
	d.reader.Reset(d.body)
	d.writer.status = http.StatusOK // unless h sets another
	h.ServeHTTP(&d.writer, d.request)
	return d.writer.status
}

// writer is a ResponseWriter that costs next to nothing.
type writer struct {
	header http.Header
	status int
}

func (w *writer) Header() http.Header             { return w.header }
func (w *writer) Write(p []byte) (int, error)     { return len(p), nil }
func (w *writer) WriteHeader(status int)          { w.status = status }
func (w *writer) SetReadDeadline(time.Time) error { return nil }

var bodies = []string{"message", "callback_query", "message_large"}

// BenchmarkReply is BenchmarkServe with a sendMessage in the HTTP response.
func BenchmarkReply(b *testing.B) {
	reply := tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: struct {
			ChatID int64  `json:"chat_id"`
			Text   string `json:"text"`
		}{u.ChatID, "Hello!"}}, nil
	})
	serve(b, tghooktest.Update("message"), hook(b, reply))
}
