// Package world is what Telegram's server knows: users, chats, messages and files, the
// Bot API's methods that act on them, and what users do.
package world

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Config is what a World is made of.
type Config struct {
	Now      func() time.Time
	Seed     uint64 // decides ids
	BotID    int64
	Username string // of the bot
	// Emit is told of each update, and tells whether the bot gets it. The World is locked
	// meanwhile: it must not call back.
	Emit func(kind string, object []byte) bool
	// After calls f when that time has passed. It must not call it at once.
	After func(d time.Duration, f func())
}

// World is all that there is on one Telegram for one bot. Several goroutines may use
// it at once.
type World struct {
	cfg Config
	bot *User

	mu       sync.Mutex
	changed  chan struct{}
	users    map[int64]*User
	chats    map[int64]*Chat
	lastID   int64                // of a message in a private chat: they share a counter
	count    map[string]int64     // draws made for a purpose, see next
	files    map[string]*File     // by file_id
	paths    map[string]*File     // by file_path
	queries  map[string]*Query    // callback and inline queries by id
	inline   map[string]*Message  // messages sent by an inline result, by inline_message_id
	commands map[string][]Command // by scope and language, see commandsKey
	answers  map[string]json.RawMessage
	unheard  []string
	settings map[string]string // what the bot set about itself, by method and language
}

// New returns a World in which there is nobody but the bot.
func New(cfg Config) *World {
	bot := &User{ID: cfg.BotID, IsBot: true, FirstName: "Stand-in Bot", Username: cfg.Username}
	return &World{
		cfg:      cfg,
		bot:      bot,
		changed:  make(chan struct{}),
		users:    map[int64]*User{bot.ID: bot},
		chats:    map[int64]*Chat{},
		count:    map[string]int64{},
		files:    map[string]*File{},
		paths:    map[string]*File{},
		queries:  map[string]*Query{},
		inline:   map[string]*Message{},
		commands: map[string][]Command{},
		answers:  map[string]json.RawMessage{},
		settings: map[string]string{},
	}
}

// Changed is closed at the next change.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// change tells those who wait by Changed. w.mu is held.
func (w *World) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// emit makes an update of the kind. w.mu is held.
func (w *World) emit(kind string, object any) {
	if !w.cfg.Emit(kind, marshal(object)) && !slices.Contains(w.unheard, kind) {
		w.unheard = append(w.unheard, kind)
	}
}

// Unheard are the kinds of updates of which the bot did not get some.
func (w *World) Unheard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.unheard)
}

// now is the time as Telegram's objects have it.
func (w *World) now() int64 { return w.cfg.Now().Unix() }

// draw is a number by chance, the same in each run for the same purpose and ids.
func (w *World) draw(what string, ids ...int64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(what))
	for _, id := range ids {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(id))) //nolint:gosec // bits are all that matters
	}
	return rand.NewPCG(w.cfg.Seed, h.Sum64()).Uint64()
}

// next is the decimal id of the next thing of a kind: of queries, polls, albums. w.mu is held.
func (w *World) next(what string) string {
	w.count[what]++
	return strconv.FormatUint(w.draw(what, w.count[what])>>1|1<<60, 10)
}

// marshal writes v as JSON. It escapes nothing that JSON does not demand: the form on
// the wire is made where things are sent.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("tghooktest: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
