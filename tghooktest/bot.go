package tghooktest

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// bot is all that belongs to one bot: its chats, its updates, its webhook and its calls.
type bot struct {
	*host
	id       int64
	first    bool         // the bot of ServerConfig, which lives as long as the host
	cfg      ServerConfig // the host's, with the bot's own token and username
	giveBack func()       // lets another Server use a made-up token
	digest   digest       // of the token
	world    *world.World
	queue    *queue.Queue

	running sync.WaitGroup // delayed work
	ctx     context.Context
	end     context.CancelFunc

	attempts attempts
	calls    calls
	faults   faults
	refusals refusals
	warnings warnings
	moved    bell // rings when updates were delivered, confirmed or dropped

	changing chan struct{}  // full while the webhook is being changed; guards writes of sender
	sender   *sender.Sender // delivers to webhook; nil if none does

	mu           sync.Mutex // held, with changing, to set sender
	webhook      webhook
	webhooks     int   // how many were set so far
	setting      *held // the setWebhook under way
	nextSetting  time.Time
	parked       *held     // the getUpdates that waits for updates
	polled       time.Time // when the last getUpdates came, which had offset
	offset       int64
	nextConflict time.Time // conflicts before this are answered late
	session      session
}

// newBot returns a bot of the host. For all bots of a host, users and groups have the same
// ids. The rest of what is random differs. The first bot draws by the host's Seed alone, so
// that its runs do not depend on its token.
//
// If ServerConfig.State has brought the bot, it is as it was there.
func newBot(h *host, id int64, cfg BotConfig, first bool) (*bot, error) {
	b := &bot{host: h, id: id, first: first, cfg: h.base, giveBack: func() {}, changing: make(chan struct{}, 1)}
	b.cfg.Token, b.cfg.Username, b.cfg.ReadsAllMessages = cfg.Token, cfg.Username, cfg.ReadsAllMessages
	var own uint64
	if !first {
		own = rand.NewPCG(h.base.Seed, uint64(id)).Uint64() //nolint:gosec // bits are all that matters
	}
	kept, known := h.state.kept[id]
	if b.digest = digestOf(cfg.Token); known {
		delete(h.state.kept, id)
		own, b.digest = kept.Seed, kept.Digest
	}
	b.cfg.Seed ^= own
	b.ctx, b.end = context.WithCancel(context.Background())
	b.session.launched = h.clock.Now()
	b.queue = queue.New(h.clock.Now, b.cfg.Seed)
	if id := h.base.FirstUpdateID; id != 0 {
		b.queue.Begin(id)
	}
	b.queue.Came = b.noteQueued
	b.queue.Gone = func(u queue.Update, confirmed bool) { b.noteGone(u.ID, confirmed) }
	of := world.Config{
		Now: h.clock.Now, Seed: h.base.Seed, BotSeed: own, BotID: id, Username: b.cfg.Username, ReadsAll: b.cfg.ReadsAllMessages,
		Emit: b.emit, After: b.after, Watched: h.watchers.watched, Note: b.noteWorld, Files: filesOf(h.base.Files, cfg.Token),
	}
	if !known {
		b.world = world.New(of)
		return b, nil
	}
	return b, b.restore(kept, of)
}

// filesOf returns the folder of a bot's files in the directory of a local Bot API server.
func filesOf(directory, token string) string {
	if directory == "" {
		return ""
	}
	return filepath.Join(directory, token)
}

// emit queues an update that an act in the bot's world made.
func (b *bot) emit(kind string, object []byte) bool {
	_, made := b.queue.Add(kind, object)
	if !made && !b.queue.Allows(kind) {
		b.warnOnce("allowed_updates "+kind, "it does not get "+kind+", because its allowed_updates do not name it")
	}
	return made
}

// stop ends the bot's deliveries and its delayed work.
func (b *bot) stop() {
	b.end()
	b.changing <- struct{}{}
	b.silence()
	<-b.changing
	b.running.Wait()
	b.giveBack()
}

// after calls f when d of the bot's time has passed, unless stop comes first. The time counts
// from the call.
func (b *bot) after(d time.Duration, f func()) {
	timer := b.clock.NewTimer(max(d, 0))
	b.running.Go(func() {
		if b.until(timer); b.ctx.Err() == nil {
			f()
		}
	})
}

// sleep waits until d of the bot's time has passed, or until stop.
func (b *bot) sleep(d time.Duration) {
	if d > 0 {
		b.until(b.clock.NewTimer(d))
	}
}

// until waits for the timer, or until stop.
func (b *bot) until(timer *clock.Timer) {
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.ctx.Done():
	}
}
