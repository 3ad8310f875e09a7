// Package world simulates the state of Telegram's server: users, chats, messages and files,
// the methods of the Bot API that act on them, and the acts of users.
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
	"time"
)

// Config configures a World.
type Config struct {
	Now      func() time.Time
	Seed     uint64 // decides the ids of users and groups, and all else that is random
	BotSeed  uint64 // decides, with Seed, the ids that differ from bot to bot: of files, queries, polls and albums
	BotID    int64
	Username string // username of the bot
	ReadsAll bool   // the bot's privacy mode is off
	// Emit gets each update, and returns whether the bot gets it. The World is locked
	// during the call, so Emit must not call it.
	Emit func(kind string, object []byte) bool
	// After calls f when d has passed. It must not call f before it returns.
	After func(d time.Duration, f func())
	// Watched reports whether anybody wants events. If nil, nobody does.
	Watched func() bool
	// Note gets each event while Watched returns true. The World is locked during the call,
	// so Note must not call it.
	Note func(Event)

	// Files, unless empty, is the bot's folder in the directory of a local Bot API server.
	Files string
}

// World is the state of one Telegram for one bot. Several goroutines may use it at once.
type World struct {
	cfg Config

	mu      lock
	call    int64 // number of the call that is being made; 0 if none is
	changed chan struct{}
	contents
}

// contents is all that a World has come to have. A state has all of it.
type contents struct {
	bot      *User
	users    map[int64]*User
	chats    map[int64]*Chat           // by id, and by the keys of parts
	parts    map[int64]part            // by key
	keys     map[part]int64            // of parts
	accounts map[string]*Account       // by the id of their business connection
	lastID   int64                     // last message id of private chats and groups
	count    map[string]int64          // how many draws were made for a purpose; see next
	files    map[string]*File          // by file_id
	paths    map[string]*File          // by file_path
	made     []string                  // file_ids that the call has made; see forget
	fetched  map[string][]byte         // content of the files of URLs, by MIME type
	queries  map[string]*Query         // callback and inline queries by id
	foreign  map[string]*User          // who asks, by the ids of queries that have no Query
	inline   map[string]*Message       // messages that inline results sent, by inline_message_id
	sets     map[string]*StickerSet    // by name in lower case
	commands map[string][]Command      // by scope and language, see commandsKey
	shop     []gift                    // the gifts that there are; nil until someone looks
	prepared map[string]prepared       // by id
	menus    map[int64]json.RawMessage // menu buttons by user; of all chats by 0
	asks     map[bool]object           // default rights of an administrator; true for channels
	answers  map[string]json.RawMessage
	unheard  []string
	hidden   int               // messages that privacy mode kept from the bot
	settings map[string]string // texts that the bot set about itself, by name and language
	bills    map[string]*bill  // by link of createInvoiceLink
	payments map[string]*payment
	income   income
}

// firstName is the name of the bot unless it has set another.
const firstName = "Stand-in Bot"

// New returns a World without users, in which there is only the bot.
func New(cfg Config) *World {
	return &World{cfg: cfg, changed: make(chan struct{}), contents: newContents(cfg)}
}

// Reset makes the World as New has made it.
func (w *World) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.contents = newContents(w.cfg)
	w.change()
}

func newContents(cfg Config) contents {
	bot := &User{ID: cfg.BotID, IsBot: true, FirstName: firstName, Username: cfg.Username}
	return contents{
		bot:      bot,
		users:    map[int64]*User{bot.ID: bot},
		chats:    map[int64]*Chat{},
		parts:    map[int64]part{},
		keys:     map[part]int64{},
		accounts: map[string]*Account{},
		prepared: map[string]prepared{},
		menus:    map[int64]json.RawMessage{},
		asks:     map[bool]object{},
		count:    map[string]int64{},
		files:    map[string]*File{},
		paths:    map[string]*File{},
		fetched:  map[string][]byte{},
		queries:  map[string]*Query{},
		foreign:  map[string]*User{},
		inline:   map[string]*Message{},
		sets:     map[string]*StickerSet{},
		commands: map[string][]Command{},
		answers:  map[string]json.RawMessage{},
		settings: map[string]string{},
		bills:    map[string]*bill{},
		payments: map[string]*payment{},
	}
}

// Changed returns a channel that the next change closes.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// change wakes the goroutines that wait for Changed. w.mu is held.
func (w *World) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Observe gets the result of each call, by its method, and the object of each update that a
// World makes, by its kind. It is nil, except in tests, which set it before there is a World.
var Observe func(name string, object []byte)

func observe(name string, object []byte) {
	if Observe != nil {
		Observe(name, object)
	}
}

// emit makes an update of the kind. The kinds of updates about a message are those of a
// group, whatever the chat is. w.mu is held.
func (w *World) emit(kind string, object any) {
	if m, ok := object.(*Message); ok {
		kind = m.Chat.kindOf(kind)
	}
	if kind == "" {
		return
	}
	made := marshal(object)
	observe(kind, made)
	if !w.cfg.Emit(kind, made) && !slices.Contains(w.unheard, kind) {
		w.unheard = append(w.unheard, kind)
	}
}

// Unheard returns the kinds of updates that the bot did not get, at least once.
func (w *World) Unheard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.unheard)
}

// now returns the time in the form of Telegram's objects.
func (w *World) now() int64 { return w.cfg.Now().Unix() }

// draw returns a random number. For the same purpose and ids it is the same in each run, and
// for all bots with the same Seed.
func (w *World) draw(what string, ids ...int64) uint64 { return drawFrom(w.cfg.Seed, what, ids...) }

// drawOwn is draw for what differs from bot to bot.
func (w *World) drawOwn(what string, ids ...int64) uint64 {
	return drawFrom(w.cfg.Seed^w.cfg.BotSeed, what, ids...)
}

func drawFrom(seed uint64, what string, ids ...int64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(what))
	for _, id := range ids {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(id))) //nolint:gosec // bits are all that matters
	}
	return rand.NewPCG(seed, h.Sum64()).Uint64()
}

// next returns the id of the next query, poll or album, in decimal. w.mu is held.
func (w *World) next(what string) string {
	w.count[what]++
	return strconv.FormatUint(w.drawOwn(what, w.count[what])>>1|1<<60, 10)
}

// marshal returns v as JSON, with only the escapes that JSON requires. The form on the wire
// is made when it is sent.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("tghooktest: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
