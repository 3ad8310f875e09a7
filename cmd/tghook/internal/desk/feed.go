package desk

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event is something that has happened on the desk.
type Event struct {
	Seq       int64           `json:"seq"`
	At        time.Time       `json:"at"`
	Kind      string          `json:"kind"`
	Bot       int64           `json:"bot,omitempty"`
	Chat      int64           `json:"chat,omitempty"`
	MessageID int64           `json:"message_id,omitempty"`
	User      int64           `json:"user,omitempty"`
	Thread    int64           `json:"thread,omitempty"`
	Message   *Message        `json:"message,omitempty"`
	Row       *Row            `json:"row,omitempty"`
	Text      string          `json:"text,omitempty"`
	Line      int64           `json:"line,omitempty"`   // the number of a line that the bot's process has printed
	Object    json.RawMessage `json:"object,omitempty"` // further fields, by the kind
}

// Bounds of the events that are kept for clients that come back.
const (
	maxEvents     = 10_000
	maxEventBytes = 64 << 20
)

// feed keeps the newest events. Clients read them at their own speed: the feed keeps nothing
// for a client, so a slow one costs no memory.
//
// The numbers of events grow over restarts of the program: they begin at its start time. So a
// client that comes back after a restart is told that it has missed something.
type feed struct {
	first int64 // events of this run have higher numbers
	mu    sync.Mutex
	seq   int64 // of the newest event
	ring  []kept
	bytes int
	mask  *mask
	chats map[place]int64 // the newest event of a chat that users see
	added chan struct{}   // closed at the next event
}

// kept is an event together with its JSON.
type kept struct {
	event Event
	json  []byte
}

func newFeed(start time.Time, m *mask) *feed {
	first := start.UnixMilli() * 1000
	return &feed{mask: m, first: first, seq: first, chats: map[place]int64{}, added: make(chan struct{})}
}

// publish numbers an event and keeps it.
func (f *feed) publish(e Event) Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	e.Seq = f.seq
	if e.Row != nil {
		row := *e.Row
		row.Seq = e.Seq
		e.Row = &row
	}
	text, err := json.Marshal(e)
	if err != nil { // an Object that is not JSON
		e.Object = nil
		text = encode(e)
	}
	text = f.mask.hide(text)
	f.ring = append(f.ring, kept{e, text})
	f.bytes += len(text)
	for len(f.ring) > maxEvents || f.bytes > maxEventBytes && len(f.ring) > 1 {
		f.bytes -= len(f.ring[0].json)
		f.ring[0] = kept{} // the array lives on
		f.ring = f.ring[1:]
	}
	if e.Message != nil || e.Kind == "delete" {
		if len(f.chats) > maxPlaces {
			clear(f.chats)
		}
		f.chats[place{bot: e.Bot, chat: e.Chat}] = e.Seq
	}
	close(f.added)
	f.added = make(chan struct{})
	return e
}

// newest returns the number of the newest event.
func (f *feed) newest() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

// newestIn returns the number of the newest event of a chat that users see; 0 if there is none.
func (f *feed) newestIn(bot, chat int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chats[place{bot: bot, chat: chat}]
}

// oldest returns the number from which a client that wants the events after a number has to
// read, because older events are gone. A number of another run is errGap.
func (f *feed) oldest(after int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after < f.first || after > f.seq {
		return 0, errGap
	}
	return max(after, f.seq-int64(len(f.ring))), nil
}

// next returns some events after the number, the number of the last one looked at, and a
// channel that is closed when there are more. If events after the number are gone, gap is
// true.
func (f *feed) next(after int64, want filter) (some []kept, last int64, more <-chan struct{}, gap bool) {
	const enough = 100
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest := f.seq - int64(len(f.ring)) // of the events that are gone, the newest
	if after < oldest || after > f.seq {
		return nil, f.seq, f.added, true
	}
	last = after
	for _, k := range f.ring[after-oldest:] {
		last = k.event.Seq
		if want.takes(k.event) {
			some = append(some, k)
		}
		if len(some) == enough {
			break
		}
	}
	return some, last, f.added, false
}

// filter says which events a client wants. The zero filter takes all.
type filter struct {
	bot, chat int64
	kinds     []string
}

func (f filter) takes(e Event) bool {
	if e.Kind == "reset" {
		return true
	}
	return (f.bot == 0 || e.Bot == 0 || f.bot == e.Bot) && (f.chat == 0 || f.chat == e.Chat) && (len(f.kinds) == 0 || slices.Contains(f.kinds, e.Kind))
}

func kindsOf(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
