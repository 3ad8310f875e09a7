package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/internal/redact"
)

// target is a URL of a bot, with the queue of what it has not taken yet.
type target struct {
	bot     *bot
	cfg     config.Target
	id      int64          // of its queue
	allow   []netip.Prefix // nil: any address
	url     string         // for people: without a password or a token
	log     *slog.Logger
	backlog *backlog

	mu      sync.Mutex
	posting *posting // nil while the bot is paused
	paused  bool
	ended   bool
	lost    bool // the bot cannot be reached

	running sync.WaitGroup // of postings that have not ended
}

func newTarget(b *bot, cfg config.Target, allow []netip.Prefix) *target {
	t := &target{bot: b, cfg: cfg, id: queueOf(b.cfg.ID, cfg.Name), allow: allow, url: shownURL(cfg.URL), log: b.log}
	t.backlog = newBacklog(b.gateway.cfg.Storage.Queue(), t.id)
	if cfg.Name != "" {
		t.log = b.log.With(slog.String("copy", cfg.Name))
	}
	return t
}

// shownURL returns a URL without what may be secret: a password, a token, a query.
func shownURL(u *url.URL) string {
	shown := *u
	if shown.RawQuery != "" {
		shown.RawQuery = "..."
	}
	return redact.URL(shown.String())
}

// queueOf returns the number under which the updates of a target are in the queue. For the bot's
// own URL it is the bot's id. Ids of bots have less than 52 bits, so those of copies differ.
func queueOf(bot int64, copied string) int64 {
	if copied == "" {
		return bot
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "copy %d %s", bot, copied))
	return int64(binary.BigEndian.Uint64(sum[:8])>>2 | 1<<62) //nolint:gosec // it fits
}

// takes reports whether the target gets updates of a kind.
func (t *target) takes(kind tghook.Kind) bool {
	return t.cfg.Kinds == nil || slices.Contains(t.cfg.Kinds, string(kind))
}

// setPaused stops or begins posting.
func (t *target) setPaused(paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = paused
	switch {
	case t.ended:
	case paused && t.posting != nil:
		t.posting.stop()
		t.posting = nil
	case !paused && t.posting == nil:
		t.begin()
	}
}

// begin begins posting. t.mu is held.
func (t *target) begin() {
	out, err := outlet.New(outlet.Config{Bot: t.bot.cfg.ID, Target: t.cfg, Token: t.bot.cfg.Token, Allow: t.allow, MaxAge: t.bot.cfg.MaxAge, Observe: t.observe})
	if err != nil { // the configuration was checked
		t.log.Error("a URL cannot be used", slog.Any("error", err))
		return
	}
	t.posting = newPosting(t, out)
	t.running.Go(t.posting.run)
}

func (t *target) consume() tghook.ConsumeConfig {
	cfg := tghook.ConsumeConfig{
		Dispatch: tghook.DispatchConfig{
			MaxInFlight: max(leastHeld, heldOfEach*t.cfg.MaxConnections),
			Bot:         t.id, Logger: t.log, MaxAttempts: t.bot.cfg.MaxAttempts, MaxAge: t.bot.cfg.MaxAge,
			HandlerTimeout: -1, // the outlet has limits of its own; an update may wait for a bot that is down
		},
		Lease: lease,
		Grace: t.cfg.Timeout + repliesTime, EndGrace: t.bot.gateway.ends.calls.ctx.Done(),
	}
	library := t.bot.gateway.cfg.Library
	if library != nil && t.cfg.Name == "" { // a copy is no bot
		cfg.Dispatch.Watch = library.Watch
	}
	calls := newCaller(t.bot)
	cfg.Dispatch.Observe = func(ctx context.Context, d tghook.Delivery) {
		if library != nil && t.cfg.Name == "" {
			library.Observe(ctx, d)
		}
		calls.over(d)
		t.over(d)
	}
	cfg.Dispatch.DeadLetter = func(ctx context.Context, u *tghook.Update, why error) error { // it is in the storage already
		t.log.ErrorContext(ctx, "an update is a dead letter", slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)), slog.String("error", fieldNames.Replace(why.Error())))
		return nil
	}
	if t.cfg.Name == "" {
		cfg.Dispatch.Caller = calls
	}
	return cfg
}

// over notes what has become of an update in the end.
func (t *target) over(d tghook.Delivery) {
	switch d.Outcome {
	case tghook.OutcomeDropped, tghook.OutcomeDeadLettered, tghook.OutcomeAbandoned:
		t.bot.gateway.cfg.Meter.DeadLettered(t.bot.cfg.Name, t.cfg.Name)
		t.bot.gateway.record.letter(t, d)
	default:
	}
}

// observe notes a request to the bot.
func (t *target) observe(ctx context.Context, a outlet.Attempt) {
	var waited time.Duration
	if q, ok := tghook.QueuedFromContext(ctx); ok && !q.Published.IsZero() {
		waited = max(0, a.At.Sub(q.Published))
	}
	t.bot.gateway.cfg.Meter.Posted(t.bot.cfg.Name, t.cfg.Name, a, waited)
	t.bot.gateway.record.attempt(t, a, waited)
	t.tell(ctx, a)
}

// tell logs a request to the bot. The dispatcher logs those that fail, so tell adds when the bot
// cannot be reached, and when it can again.
func (t *target) tell(ctx context.Context, a outlet.Attempt) {
	t.mu.Lock()
	was := t.lost
	t.lost = a.Unreachable || t.lost && a.Err != nil
	now := t.lost
	t.mu.Unlock()
	log := t.log.With(slog.String("url", t.url))
	switch {
	case now && !was:
		log.WarnContext(ctx, "the bot cannot be reached; its updates are kept until it can", slog.Any("error", a.Err))
	case was && !now:
		log.InfoContext(ctx, "the bot is reached again")
	}
	if a.Refused != "" {
		log.WarnContext(ctx, "the webhook reply of the bot is not called", slog.Int64("update_id", a.Update.ID), slog.String("method", a.Reply), slog.String("why", a.Refused))
	}
	attrs := []slog.Attr{
		slog.Int64("update_id", a.Update.ID), slog.String("kind", string(a.Update.Kind)), slog.Int("attempt", a.Number),
		slog.Int("status", a.Status), slog.Duration("took", a.Took),
	}
	level := slog.LevelDebug
	if t.bot.gateway.cfg.File.Log.Contents {
		level = slog.LevelInfo
		attrs = append(attrs, slog.String("update", string(a.Update.Raw)))
	}
	log.LogAttrs(ctx, level, "posted", attrs...)
}

// end stops posting for good, and waits for what was posted.
func (t *target) end() {
	t.mu.Lock()
	t.ended = true
	if t.posting != nil {
		t.posting.stop()
		t.posting = nil
	}
	t.mu.Unlock()
	t.running.Wait()
}

func (t *target) isPaused() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paused
}

// status tells of the target.
func (t *target) status() TargetStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TargetStatus{Name: t.cfg.Name, URL: t.url}
	s.Queue, s.Counted = t.backlog.counts()
	if t.posting != nil {
		s.Outlet = t.posting.outlet.Status()
	}
	return s
}
