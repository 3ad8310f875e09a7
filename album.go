package tghook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/album"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
)

// AlbumConfig says when an album is complete. The zero value of each field is its default.
type AlbumConfig struct {
	// Quiet is how long no further item must have come before an album is complete. An album
	// of ten items is complete at once. If zero, one second. At most one minute.
	Quiet time.Duration
}

const (
	defaultQuiet = time.Second
	longestQuiet = time.Minute
)

// Album returns a middleware that hands an album to handler as one. An album is a media group:
// two to ten messages, each of which comes as an update of its own. They have the same
// media_group_id. All other updates go to the next handler, and so do edited messages.
//
//	tghook.Chain(bot, tghook.Album(onAlbum, tghook.AlbumConfig{}))
//
// handler gets the items in the order of their message_id. An album is complete after a quiet
// time, with ten items, when another update of its lane comes, and at Shutdown. An update that
// comes behind an album is handled behind it. An item that comes when its album is complete
// begins an album of its own: see [IsStraggler]. So handler may get one item alone.
//
// For handler an album is like one update. It runs one at a time with the other updates of its
// lane. If it fails, it is run again in its lane after 1, 2, 4 ... 60 seconds, or after its
// [RetryAfter], as in a [Poll]. The updates behind it wait. The rule for giving up, Drop, MaxAge
// and HandlerTimeout apply to it as to an update. DeadLetter gets each of its items. Its reply is
// sent by Caller, because no response can have it: without Caller it is lost
// ([OutcomeReplyLost]). [FromContext] returns the first item.
//
// By webhook, Telegram does not send the next item before it is told 200 for the previous one.
// So an item is acknowledged before its album is handled ([OutcomeGathered]):
//
//   - If DispatchConfig.Store is also an [AlbumStore], the item is kept there first. A crash
//     loses nothing: another process finds the album, or the same one after a restart. That
//     takes up to a minute. Each update of a lane costs one call of LoadAlbums then, and New
//     starts a timer, which ends with Shutdown.
//   - Otherwise it is kept in memory. A crash loses the items that were acknowledged and not
//     handled, and an album that waits for its next attempt at Shutdown is a dead letter.
//     Several replicas each get a part of an album.
//
// By poll, without an AlbumStore, the items are not confirmed before their album has been
// handled, so that a crash loses nothing.
//
// If the process is frozen once it has answered ([Config].Ephemeral, Lambda), an album cannot be
// handled. New refuses the configuration. If only the request says so, each item fails, and
// becomes a dead letter when it is given up.
//
// The dispatcher must find the middleware: directly, in [Chain], or in [Kinds]. If a handler of
// yours hides it, each item fails with a *[ConfigError]. A middleware before it sees an album
// once, as its first item. Album may be used for several kinds, each with its own handler.
func Album(handler func(ctx context.Context, us []*Update) (Reply, error), cfg AlbumConfig) Middleware {
	return func(next Handler) Handler { return &albumHandler{handler, cfg, next} }
}

// IsStraggler reports whether the album of the handler with this context is the rest of one
// that was complete before: its items came too late. It is remembered for ten minutes.
func IsStraggler(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	if !ok {
		return false
	}
	a := updateOf(run.Item).album()
	return a != nil && a.straggler
}

type albumHandler struct {
	handler func(context.Context, []*Update) (Reply, error)
	cfg     AlbumConfig
	next    Handler
}

// albumRun is an album that an update stands for.
type albumRun struct {
	items     []*Update
	straggler bool
	buried    int // items that DeadLetter has accepted
}

// albumKey finds the dispatcher of a handler.
type albumKey struct{}

func (u *Update) album() *albumRun {
	if u.more == nil {
		return nil
	}
	return u.more.album
}

// HandleUpdate implements [Handler].
func (a *albumHandler) HandleUpdate(ctx context.Context, u *Update) (Reply, error) {
	if run := u.album(); run != nil {
		return a.handler(ctx, slices.Clone(run.items))
	}
	if u.more == nil || u.more.albumID == "" {
		return a.next.HandleUpdate(ctx, u)
	}
	d, ok := ctx.Value(albumKey{}).(*Dispatcher)
	switch {
	case !ok: // called without a dispatcher, as in a test
		return a.handler(ctx, []*Update{u})
	case d.albums.quietOf(u) > 0:
		return NoReply, errFrozenAlbum
	default:
		return NoReply, errHiddenAlbum
	}
}

var (
	errFrozenAlbum = &ConfigError{"Album", "cannot work where the process is frozen once it has answered, because the items of an album come one after the other; leave it out there, or set neither Config.Ephemeral nor Request.Ephemeral"}
	errHiddenAlbum = &ConfigError{"Album", "is hidden by the handler around it, so that the items of albums do not come together; give that handler to Chain as a Middleware"}
)

// albumChain is a handler that Chain has made, with the handler in it that has an Album.
type albumChain struct {
	Handler

	known Handler
}

// albumFor returns the Album to which h gives the updates of a kind, or nil.
func albumFor(h Handler, k Kind) *albumHandler {
	for {
		switch inner := h.(type) {
		case *albumHandler:
			return inner
		case Kinds:
			h = inner[k]
		case selectiveChain:
			h = inner.Handler
		case albumChain:
			h = inner.known
		default:
			return nil
		}
	}
}

// albumKinds are the kinds that can be items of an album.
var albumKinds = []Kind{KindMessage, KindChannelPost, KindBusinessMessage, KindGuestMessage}

func hasAlbum(h Handler) bool {
	return slices.ContainsFunc(albumKinds, func(k Kind) bool { return albumFor(h, k) != nil })
}

func mistakesInAlbums(h Handler) (errs []error) {
	var seen []*albumHandler
	for _, k := range albumKinds {
		a := albumFor(h, k)
		if a == nil || slices.Contains(seen, a) {
			continue
		}
		seen = append(seen, a)
		if a.handler == nil {
			errs = append(errs, &ConfigError{"Album", "nil; give a function that handles an album"})
		}
		if isNil(a.next) {
			errs = append(errs, &ConfigError{"Handler", "nil; give a Handler, such as a HandlerFunc"})
		}
		if q := a.cfg.Quiet; q < 0 || q > longestQuiet {
			errs = append(errs, &ConfigError{"AlbumConfig.Quiet", fmt.Sprintf("%v; give a positive duration of up to a minute, or 0 for a second", q)})
		}
	}
	return errs
}

// albums are the albums of a dispatcher.
type albums struct {
	album.Keeper

	quiet map[Kind]time.Duration // by kind that has an Album
	lanes *albumLanes            // nil if Lane is not the user's
}

// newAlbums returns nil if h has no Album.
func newAlbums(h Handler, cfg *DispatchConfig) *albums {
	quiet := map[Kind]time.Duration{}
	for _, k := range albumKinds {
		if a := albumFor(h, k); a != nil {
			quiet[k] = cmp.Or(a.cfg.Quiet, defaultQuiet)
		}
	}
	if len(quiet) == 0 {
		return nil
	}
	a := &albums{quiet: quiet}
	a.Store = album.NewMemory()
	if s, ok := cfg.Store.(AlbumStore); ok {
		a.Store, a.Persistent = albumStore{s, cfg.Bot}, true
	}
	a.Encode, a.Decode = encodeItem, a.decodeGroup
	if cfg.Lane != nil {
		a.lanes = &albumLanes{cfg: cfg, known: map[string]lane.Key{}}
	}
	return a
}

// quietOf returns the quiet time of the album that u is an item of; 0 if it is not an item.
func (a *albums) quietOf(u *Update) time.Duration {
	if a == nil || u.more == nil || u.more.albumID == "" {
		return 0
	}
	return a.quiet[u.Kind]
}

// place says which album u is an item of, if it is one, and returns its lane.
func (a *albums) place(u *Update, it *dispatch.Item, k lane.Key) lane.Key {
	quiet := a.quietOf(u)
	if quiet == 0 {
		return k
	}
	it.Part = &dispatch.Part{Group: u.more.albumID, Quiet: quiet}
	if a.lanes != nil {
		k = a.lanes.of(u, k)
	}
	if k == (lane.Key{}) {
		k.Name = "album " + u.more.albumID
	}
	return k
}

// encodeItem is an item as it is kept.
func encodeItem(it *dispatch.Item) album.Item {
	u := updateOf(it)
	var content map[Kind]json.RawMessage
	var message struct {
		ID int64 `json:"message_id"`
	}
	if json.Unmarshal(u.Raw, &content) == nil {
		_ = json.Unmarshal(content[u.Kind], &message) // if it has none, the order of arrival stays
	}
	return album.Item{ID: u.ID, Order: message.ID, Raw: u.Raw}
}

// decodeGroup returns the item that stands for a group: its first update, with all of them.
func (a *albums) decodeGroup(g *album.Group) (it dispatch.Item, quiet time.Duration, err error) {
	items := slices.Clone(g.Items)
	slices.SortStableFunc(items, func(a, b album.Item) int { return cmp.Compare(a.Order, b.Order) })
	run := &albumRun{straggler: g.Straggler}
	for _, kept := range items {
		u, err := ParseUpdate(kept.Raw)
		if err != nil {
			return it, 0, fmt.Errorf("tghook: an item of an album in the Store: %w", err)
		}
		run.items = append(run.items, u)
	}
	first := *run.items[0]
	first.more = &more{albumID: g.Name, album: run}
	it = itemOf(&first)
	it.ID = g.ID()
	return it, cmp.Or(a.quiet[first.Kind], defaultQuiet), nil
}

// albumLetters gives each item of an album to DeadLetter.
func (o owner) albumLetters(ctx context.Context, run *albumRun, l dispatch.Letter) error {
	for _, u := range run.items[run.buried:] {
		if err := o.deadLetter(ctx, u, l); err != nil {
			return err
		}
		run.buried++
	}
	return nil
}

// albumLanes keeps the items of an album in one lane, whatever DispatchConfig.Lane returns.
// It is safe for concurrent use.
type albumLanes struct {
	cfg *DispatchConfig

	mu     sync.Mutex
	known  map[string]lane.Key // by album
	order  []string            // of known, the oldest first
	warned bool
}

const maxAlbumLanes = 1000

// of returns the lane of the first item of u's album.
func (l *albumLanes) of(u *Update, k lane.Key) lane.Key {
	first, warn := l.first(u.more.albumID, k)
	if warn {
		l.cfg.log(context.Background(), slog.LevelError, "tghook: DispatchConfig.Lane returns different lanes for items of one album: they run in the lane of the first one; give all of them the same",
			slog.Int64("update_id", u.ID), slog.String("lane", k.Name), slog.String("first", first.Name))
	}
	return first
}

func (l *albumLanes) first(id string, k lane.Key) (first lane.Key, warn bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, ok := l.known[id]
	switch {
	case !ok:
		l.known[id] = k
		l.order = append(l.order, id)
		if len(l.order) > maxAlbumLanes {
			delete(l.known, l.order[0])
			l.order = l.order[1:]
		}
		return k, false
	case first != k && !l.warned:
		l.warned = true
		return first, true
	}
	return first, false
}

// albumStore is an AlbumStore in the form that the Keeper calls. Its methods are the user's
// code.
type albumStore struct {
	store AlbumStore
	bot   int64
}

func (s albumStore) call(values context.Context, method string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(values, storeTimeout)
	defer cancel()
	err := guard.Within(storeTimeout+dispatch.ReturnTime, func() error { return f(ctx) })
	if err == nil {
		return nil
	}
	found := inspect(err)
	if found.albumChanged && method == "SaveAlbums" {
		return album.ErrChanged
	}
	return found.wrap("tghook: Store." + method)
}

// Load implements [album.Store].
func (s albumStore) Load(values context.Context, lane string) ([]byte, string, error) {
	type loaded struct {
		value   []byte
		version string
	}
	answer := make(chan loaded, 1)
	err := s.call(values, "LoadAlbums", func(ctx context.Context) error {
		value, version, err := s.store.LoadAlbums(ctx, AlbumKey{s.bot, lane})
		answer <- loaded{value, version}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	l := <-answer
	if len(l.value) == 0 != (l.version == "") {
		return nil, "", errors.New("tghook: Store.LoadAlbums: a value without a version, or the reverse")
	}
	return l.value, l.version, nil
}

// Save implements [album.Store].
func (s albumStore) Save(values context.Context, lane string, value []byte, old, version string, keep time.Duration) error {
	return s.call(values, "SaveAlbums", func(ctx context.Context) error {
		return s.store.SaveAlbums(ctx, AlbumKey{s.bot, lane}, value, old, version, keep)
	})
}

// Lanes implements [album.Store].
func (s albumStore) Lanes(values context.Context) ([]string, error) {
	answer := make(chan []string, 1)
	err := s.call(values, "AlbumLanes", func(ctx context.Context) error {
		lanes, err := s.store.AlbumLanes(ctx, s.bot)
		answer <- lanes
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-answer, nil
}
