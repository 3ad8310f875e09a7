package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// How a stream lives.
const (
	tick         = 2 * time.Second        // from one state to the next
	pause        = 250 * time.Millisecond // after each look at the history
	heartbeat    = 15 * time.Second
	slowestWrite = 10 * time.Second // a client that takes no bytes for so long is cut off
)

// stream answers GET /api/stream with server-sent events: rows of the bot of the query as they
// are written, and the state of all bots. Nothing is kept for a client: it reads the history at
// its own speed. A client that is too far behind gets the event reset, and loads what it shows.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		c.writeError(w, r, &jsonhttp.Error{Status: http.StatusServiceUnavailable, Code: "too_many_streams", Message: fmt.Sprintf(
			"%d pages are open; close one", maxStreams)})
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(c.ended, cancel)()
	s := &stream{console: c, name: r.URL.Query().Get("bot"), out: http.NewResponseController(w), w: w}
	if err := s.begin(ctx, r); err != nil {
		c.writeError(w, r, err)
		return
	}
	s.run(ctx)
}

// stream is an open stream.
type stream struct {
	console *Console
	name    string // the bot whose rows are wanted; empty for none
	bot     int64  // its id; 0 while there is no such bot
	last    int64  // Seq of the newest row that was sent
	lost    bool   // the client has missed rows

	told   []byte    // the newest state that was sent
	quiet  time.Time // since when nothing was sent
	failed string    // why the history cannot be read

	w   http.ResponseWriter
	out *http.ResponseController
}

// begin finds out where the stream goes on.
func (s *stream) begin(ctx context.Context, r *http.Request) error {
	newest, failed := s.console.newest(ctx)
	var err error
	s.last, err = jsonhttp.Number(r, "after", newest)
	if failed == nil && s.last > newest { // of another history
		s.last, s.lost = newest, true
	}
	return err
}

// run sends events until ctx ends, or the client takes no more.
func (s *stream) run(ctx context.Context) {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")       // nginx passes events on at once
	_ = s.out.SetReadDeadline(time.Time{}) // a server's ReadTimeout would end the stream
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	open := s.send([]byte(": tghook\n\n"))
	for due := true; open; {
		more := s.console.cfg.Storage.Watch()
		events := s.rows(ctx)
		if due {
			events = append(events, s.state()...)
			due = false
		}
		switch {
		case len(events) > 0:
			open = s.send(events)
		case time.Since(s.quiet) >= heartbeat:
			open = s.send([]byte(": still here\n\n"))
		}
		if !open || !sleep(ctx, pause) {
			return
		}
		select {
		case <-more:
		case <-ticker.C:
			due = true
		case <-ctx.Done():
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *stream) send(events []byte) bool {
	_ = s.out.SetWriteDeadline(time.Now().Add(slowestWrite)) // where it cannot be set, the context ends the stream
	_, err := s.w.Write(events)
	s.quiet = time.Now()
	return err == nil && s.out.Flush() == nil
}

// rowEvent tells of a row. So does stateEvent of all bots.
type rowEvent struct {
	Seq  int64  `json:"seq"`
	Kind string `json:"kind"`
	Bot  int64  `json:"bot"`
	Row  row    `json:"row"`
}

type stateEvent struct {
	Kind    string `json:"kind"`
	Bots    []bot  `json:"bots"`
	Problem string `json:"problem,omitempty"` // why the history cannot be read
}

// rows returns the events of new rows.
func (s *stream) rows(ctx context.Context) []byte {
	if status, err := s.console.cfg.Gateway.Bot(s.name); err == nil && s.name != "" {
		s.bot = status.ID
	}
	if s.bot == 0 {
		return nil
	}
	some, err := s.newer(ctx)
	if err != nil {
		if s.failed == "" { // it is logged once
			s.failed = s.console.explain(ctx, err).Message
		}
		return nil
	}
	s.failed = ""
	if s.lost {
		s.lost = false
		return fmt.Appendf(nil, "id: %d\nevent: reset\ndata: {\"seq\":%d,\"kind\":\"reset\"}\n\n", s.last, s.last)
	}
	var b bytes.Buffer
	for _, r := range some {
		text, err := json.Marshal(rowEvent{r.Seq, "row", r.Bot, rowOf(r)})
		if err != nil {
			continue // a Row has nothing that JSON cannot hold
		}
		fmt.Fprintf(&b, "id: %d\nevent: row\ndata: %s\n\n", r.Seq, text)
	}
	return b.Bytes()
}

// newer returns the rows after the last one. If there are too many, the client has lost some.
func (s *stream) newer(ctx context.Context) ([]storage.Row, error) {
	const few, most = 20, 1000
	ctx, cancel := context.WithTimeout(ctx, slowestAnswer)
	defer cancel()
	for _, n := range []int{few, most} { // mostly there are few
		some, err := s.console.cfg.Storage.Rows(ctx, storage.Filter{Bot: s.bot, Limit: n})
		if err != nil || len(some) == 0 {
			return nil, err
		}
		full := len(some) == n && some[0].Seq > s.last
		if full && n != most {
			continue
		}
		for len(some) > 0 && some[0].Seq <= s.last {
			some = some[1:]
		}
		if len(some) > 0 {
			s.last = some[len(some)-1].Seq
		}
		s.lost = s.lost || full
		return some, nil
	}
	return nil, nil
}

// state returns the event of the bots' state; nil if it is as before.
func (s *stream) state() []byte {
	text, err := json.Marshal(stateEvent{"state", s.console.bots(s.name), s.failed})
	if err != nil || bytes.Equal(text, s.told) {
		return nil
	}
	s.told = text
	return fmt.Appendf(nil, "event: state\ndata: %s\n\n", text)
}
