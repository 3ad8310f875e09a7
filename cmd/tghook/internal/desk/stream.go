package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// How a stream of events lives.
const (
	heartbeat    = 15 * time.Second
	slowestWrite = 10 * time.Second // a client that takes no bytes for so long is cut off
)

// stream serves server-sent events.
type stream struct {
	feed  *feed
	want  filter
	after int64
	ended <-chan struct{}
}

// events answers GET /api/events.
func (d *Desk) events(r *http.Request) (any, error) {
	q := r.URL.Query()
	s := stream{feed: d.feed, want: filter{kinds: kindsOf(q.Get("kinds"))}, ended: d.ended}
	var err error
	if s.want.chat, err = jsonhttp.Number(r, "chat", 0); err != nil {
		return nil, err
	}
	if name := q.Get("bot"); name != "" {
		b, err := d.bot(ref(name))
		if err != nil {
			return nil, err
		}
		s.want.bot = b.id
	}
	if s.after, err = jsonhttp.Number(r, "after", d.feed.newest()); err != nil {
		return nil, err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		if s.after, err = strconv.ParseInt(last, 10, 64); err != nil {
			s.after = 0 // not one of ours, so the client has missed something
		}
	}
	return s, nil
}

func (s stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c := http.NewResponseController(w)
	send := func(text []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(slowestWrite)) // where it cannot be set, the context ends the stream
		_, err := w.Write(text)
		return err == nil && c.Flush() == nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	open := send([]byte(": tghook\n\n"))
	for after := s.after; open; {
		some, last, more, gap := s.feed.next(after, s.want)
		after = last
		switch {
		case gap:
			open = send(fmt.Appendf(nil, "id: %d\nevent: reset\ndata: {\"seq\":%d,\"kind\":\"reset\"}\n\n", last, last))
			continue
		case len(some) > 0:
			open = send(lines(some))
			continue
		}
		select {
		case <-more:
		case <-beat.C:
			open = send([]byte(": still here\n\n"))
		case <-r.Context().Done():
			return
		case <-s.ended:
			return
		}
	}
}

// lines returns events in the form of the stream.
func lines(some []kept) []byte {
	var b bytes.Buffer
	for _, k := range some {
		fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", k.event.Seq, k.event.Kind, k.json)
	}
	return b.Bytes()
}
