package model_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// The model plays random schedules against Poll, in virtual time: updates in
// chats, handlers that fail in every way, a Bot API that does too, processes that
// are killed or stopped, and a Telegram that counts anew. What happens is checked
// as it happens.
//
//	TGHOOK_POLL_SEED=7 go test -run TestPollModel$ ./internal/model
//	TGHOOK_POLL_COUNT=100000 go test -run TestPollModel$ -timeout 0 ./internal/model
func TestPollModel(t *testing.T) {
	first, count := uint64(1), uint64(60)
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_POLL_COUNT"), 10, 64); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_POLL_SEED"), 10, 64); err == nil {
		first = n
		if os.Getenv("TGHOOK_POLL_COUNT") == "" {
			count = 1
		}
	}
	for seed := first; seed < first+count && !t.Failed(); seed++ {
		playPoll(t, seed)
	}
}

func playPoll(t *testing.T, seed uint64) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil { // what is left in the bubble, say
			panic(fmt.Sprintf("TGHOOK_POLL_SEED=%d: %v", seed, v))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		m := newPollModel(t, seed)
		m.run()
		assert.Falsef(t, t.Failed(), "TGHOOK_POLL_SEED=%d\n%s", seed, strings.Join(m.log, "\n"))
		time.Sleep(4 * 24 * time.Hour)
	})
}

type pollModel struct {
	t     *testing.T
	rng   *rand.Rand
	tg    *rig.Telegram
	store *rig.Store // or nil
	start time.Time
	slow  time.Duration // no handler takes longer
	cfg   tghook.PollConfig

	mu      sync.Mutex
	log     []string
	updates map[int64]*pollUpdate
	next    int64 // id
	bases   map[int64]bool
	fault   pollFault
	calm    bool // no faults any more
}

type pollUpdate struct {
	id     int64
	seq    int // of arrival
	at     time.Time
	kind   tghook.Kind
	lane   string
	deeds  []pollDeed // by attempt, over all processes; then it succeeds
	takes  []time.Duration
	buries int // how often DeadLetter does not accept it

	starts int
	over   bool // handled, or accepted as a dead letter, by a process that lived then
	lost   bool // Telegram has forgotten it of its own accord
}

type (
	pollDeed  string
	pollFault string
)

const (
	pollOK     pollDeed = "ok"
	pollReply  pollDeed = "reply"
	pollFail   pollDeed = "fail"
	pollPanic  pollDeed = "panic"
	pollGoexit pollDeed = "goexit"
	pollDrop   pollDeed = "drop"
	pollRetry  pollDeed = "retry"
	pollObey   pollDeed = "obey" // until its ctx ends

	faultNone    pollFault = ""
	fault500     pollFault = "500"
	faultNetwork pollFault = "network"
	faultLost    pollFault = "lost" // done, and the answer lost
	faultHang    pollFault = "hang"
	faultPoller  pollFault = "other poller"
	faultWebhook pollFault = "webhook"
	fault429     pollFault = "429"
	faultHTML    pollFault = "html"
)

func pollPick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

func (m *pollModel) upTo(d time.Duration) time.Duration { return time.Duration(m.rng.Int64N(int64(d))) }

func newPollModel(t *testing.T, seed uint64) *pollModel {
	t.Helper()
	m := &pollModel{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), tg: rig.NewTelegram(t), start: time.Now(),
		updates: map[int64]*pollUpdate{}, bases: map[int64]bool{},
	}
	m.tg.OnCall(m.refuse)
	m.slow = pollPick(m.rng, time.Second, 5*time.Second, 20*time.Second)
	m.cfg = tghook.PollConfig{
		TakeOver: true, // a webhook that is set meanwhile
		Grace:    pollPick(m.rng, 0, time.Second, 30*time.Second),
		Wait:     pollPick(m.rng, 0, time.Second, 10*time.Second),
		Dispatch: tghook.DispatchConfig{
			Bot:            1,
			Logger:         slog.New(slog.DiscardHandler),
			MaxInFlight:    pollPick(m.rng, 0, 0, 0, 1, 3, 10),
			MaxAttempts:    pollPick(m.rng, 0, 0, 1, 3),
			HandlerTimeout: pollPick(m.rng, 0, 3*time.Second, 10*time.Second),
		},
	}
	if m.rng.IntN(4) == 0 {
		m.store = rig.NewStore()
	}
	m.renumber()
	return m
}

// failf notes what must not be. The mutex is held.
func (m *pollModel) failf(format string, args ...any) {
	m.t.Errorf(format, args...)
	m.notef("THIS IS WRONG: "+format, args...)
}

func (m *pollModel) notef(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%10v  ", time.Since(m.start))+fmt.Sprintf(format, args...))
}

// renumber begins a sequence of ids.
func (m *pollModel) renumber() {
	base := int64(0)
	for base == 0 || m.bases[base] {
		base = 1000 * (1 + m.rng.Int64N(pollPick(m.rng, int64(10), 2000)))
	}
	m.bases[base], m.next = true, base
}

// arrive puts a new update into Telegram's queue.
func (m *pollModel) arrive(busy int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := &pollUpdate{id: m.next, seq: len(m.updates), at: time.Now()}
	m.next++
	who := 1 + m.rng.Int64N(int64(busy))
	body := rig.MessageIn(who, u.id)
	u.kind, u.lane = tghook.KindMessage, fmt.Sprint("chat ", who)
	switch m.rng.IntN(12) {
	case 0:
		u.kind, u.lane, body = tghook.KindInlineQuery, fmt.Sprint("query ", who), rig.KindBy(tghook.KindInlineQuery, who, u.id)
	case 1:
		u.kind, body = tghook.KindCallbackQuery, rig.CallbackIn(who, who, u.id)
	case 2:
		u.kind, u.lane, body = "a_kind_to_come", "", fmt.Sprintf(`{"update_id":%d,"a_kind_to_come":{"id":"1"}}`, u.id)
	}
	for m.rng.IntN(4) == 0 && len(u.deeds) < 10 {
		u.deeds = append(u.deeds, pollPick(m.rng, pollFail, pollFail, pollPanic, pollGoexit, pollDrop, pollRetry, pollObey))
	}
	u.deeds = append(u.deeds, pollPick(m.rng, pollOK, pollOK, pollReply))
	for range u.deeds {
		takes := time.Duration(0)
		if m.rng.IntN(2) == 0 {
			takes = m.upTo(m.slow)
		}
		u.takes = append(u.takes, takes)
	}
	if m.rng.IntN(4) == 0 {
		u.buries = m.rng.IntN(4)
	}
	m.updates[u.id] = u
	m.notef("update %d %s %q: %v %v, buries %d", u.id, u.kind, u.lane, u.deeds, u.takes, u.buries)
	m.tg.Send(m.t, body)
}

// gone reports whether Telegram may have forgotten u of its own accord.
func (u *pollUpdate) gone() bool { return u.lost || time.Since(u.at) >= modelLifetime(u.kind) }

// missing looks for what was confirmed, and is not over. The mutex is held.
func (m *pollModel) missing() {
	pending := m.tg.PendingIDs()
	for id, u := range m.updates {
		if _, waits := slices.BinarySearch(pending, id); !waits && !u.over && !u.gone() {
			m.failf("%d was confirmed, and is not over", id)
		}
	}
}

// lose has Telegram forget all but the last few, as a negative offset of anybody does.
func (m *pollModel) lose() {
	m.mu.Lock()
	pending := m.tg.PendingIDs()
	keep := 1 + m.rng.IntN(1+len(pending))
	for _, id := range pending[:max(0, len(pending)-keep)] {
		m.updates[id].lost = true
		m.notef("Telegram loses %d", id)
	}
	m.mu.Unlock()
	_, err := m.somebody().GetUpdates(m.t.Context(), tghook.UpdatesRequest{Offset: -int64(keep)})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notef("somebody keeps %d: %v", keep, err)
}

// countAnew has Telegram forget all, and begin a sequence of ids.
func (m *pollModel) countAnew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range m.tg.PendingIDs() {
		m.updates[id].lost = true
		m.notef("Telegram loses %d", id)
	}
	m.tg.CountAnew(m.t)
	m.tg.OnCall(m.refuse)
	m.renumber()
	m.notef("Telegram counts from %d", m.next)
}

// somebody has the bot's token too.
func (m *pollModel) somebody() *tghook.Client {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tg.Client(m.t, tghook.ClientConfig{Patience: time.Hour})
}

// run plays the schedule, and then waits for everything to be over.
func (m *pollModel) run() {
	updates := pollPick(m.rng, 3, 10, 30, 30, 160)
	busy := pollPick(m.rng, 1, 3, 10, 100)
	pace := pollPick(m.rng, 0, 10*time.Millisecond, time.Second, 5*time.Second)
	trouble := pollPick(m.rng, 0, 3, 10) // in a hundred
	p := m.boot()
	for range updates {
		m.arrive(busy)
		if pace > 0 {
			time.Sleep(m.upTo(pace))
		}
		if m.rng.IntN(100) >= trouble {
			continue
		}
		switch m.rng.IntN(7) {
		case 0:
			p.kill()
			time.Sleep(m.upTo(20 * time.Second))
			p = m.boot()
		case 1, 2:
			p.end()
			time.Sleep(m.upTo(5 * time.Second))
			p = m.boot()
		case 3:
			m.countAnew()
		case 4:
			m.lose()
		default:
			go m.disturb(pollPick(m.rng, fault500, faultNetwork, faultLost, faultHang, faultPoller, faultWebhook, fault429, faultHTML), m.upTo(15*time.Second))
		}
		if m.store != nil && m.rng.IntN(3) == 0 {
			m.store.Set(func(s *rig.Store) { s.Down = true })
			time.AfterFunc(m.upTo(15*time.Second), func() { m.store.Set(func(s *rig.Store) { s.Down = false }) })
		}
	}
	time.Sleep(20 * time.Second)
	m.mu.Lock()
	m.calm = true
	m.mu.Unlock()
	for deadline := time.Now().Add(2 * time.Hour); m.tg.Pending() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Minute)
	}
	if pending := m.tg.PendingIDs(); len(pending) > 0 {
		m.mu.Lock()
		m.failf("in the end %d are not confirmed: %v", len(pending), pending[:min(len(pending), 10)])
		m.mu.Unlock()
	}
	p.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing()
	for _, u := range m.updates {
		if !u.over && !u.gone() {
			m.failf("in the end %d is not over", u.id)
		}
	}
}

func (m *pollModel) disturb(fault pollFault, d time.Duration) {
	m.mu.Lock()
	m.fault = fault
	m.notef("the Bot API has trouble for %v: %s", d, fault)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(m.t.Context(), d)
	defer cancel()
	switch fault {
	case faultPoller:
		for ctx.Err() == nil {
			_, _ = m.somebody().GetUpdates(ctx, tghook.UpdatesRequest{Wait: 50 * time.Second})
			time.Sleep(time.Second)
		}
	case faultWebhook:
		req := rig.ToURL(rig.HookURL)
		req.IPAddress = "149.154.167.220" // else SetWebhook asks a resolver
		_ = m.somebody().SetWebhook(ctx, req)
		<-ctx.Done()
		require.NoError(m.t, m.somebody().DeleteWebhook(m.t.Context(), false))
	default:
		<-ctx.Done()
	}
	m.mu.Lock()
	m.fault = faultNone
	m.mu.Unlock()
}

// refuse is asked before each call.
func (m *pollModel) refuse(tghooktest.Call) (fault tghooktest.CallFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.calm:
	case m.fault == fault500:
		fault.Err = &tghooktest.CallError{Code: 500, Description: "Internal Server Error: restart"}
	case m.fault == fault429:
		fault.Err = &tghooktest.CallError{RetryAfter: 3 * time.Second}
	case m.fault == faultLost:
		fault.Cut = true
	}
	return fault
}

// pollProcess is one life of the bot.
type pollProcess struct {
	*pollModel

	stop   context.CancelFunc
	done   chan error
	killed chan struct{}

	// guarded by the model's mutex
	dead, ending bool
	offset       int64
	asked        time.Time
	failures     int // calls that did
	running      map[string]int64
	last         map[string]int // seq of what was started last in each lane
	first        map[int64]time.Time
	attempts     map[int64]int
	over         map[int64]bool
	succeeded    int
	observed     int
	refused      map[int64]int
}

func (m *pollModel) boot() *pollProcess {
	p := &pollProcess{
		pollModel: m, done: make(chan error, 1), killed: make(chan struct{}), offset: -1,
		running: map[string]int64{}, last: map[string]int{}, first: map[int64]time.Time{},
		attempts: map[int64]int{}, over: map[int64]bool{}, refused: map[int64]int{},
	}
	cfg := m.cfg
	cfg.Dispatch.DeadLetter = p.bury
	cfg.Dispatch.Observe = p.observe
	if m.store != nil {
		cfg.Dispatch.Store = pollStore{p}
	}
	cfg.OnError = func(_ context.Context, err error) {
		m.mu.Lock()
		m.notef("OnError: %v", err)
		panics := p.failures%5 == 1
		m.mu.Unlock()
		if panics {
			panic("OnError")
		}
	}
	m.mu.Lock()
	m.notef("a process starts")
	m.mu.Unlock()
	client, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{BaseURL: m.tg.URL, HTTP: &http.Client{Transport: p}})
	require.NoError(m.t, err)
	ctx, cancel := context.WithCancel(m.t.Context())
	p.stop = cancel
	go func() { p.done <- tghook.Poll(ctx, client, tghook.HandlerFunc(p.handle), cfg) }()
	return p
}

// kill is SIGKILL: from now on nothing that the process does counts.
func (p *pollProcess) kill() {
	p.mu.Lock()
	p.notef("the process is killed")
	p.dead, p.ending = true, true
	p.mu.Unlock()
	close(p.killed)
	p.stop()
}

// end stops the process as SIGTERM does.
func (p *pollProcess) end() {
	p.mu.Lock()
	p.notef("the process is stopped")
	p.ending = true
	failures := p.failures
	p.mu.Unlock()
	start := time.Now()
	p.stop()
	err := <-p.done
	took := time.Since(start)
	pending := p.tg.PendingIDs()
	p.mu.Lock()
	p.dead = true
	p.notef("the process has ended")
	if err != nil {
		p.failf("Poll returned %v", err)
	}
	grace := p.cfg.Grace
	if grace == 0 {
		grace = 8 * time.Second
	}
	if took > grace+time.Second {
		p.failf("the end took %v", took)
	}
	if took < grace && p.failures == failures {
		lost := false // and still held: no offset is told that is behind it
		for id, u := range p.updates {
			lost = lost || u.gone() && !p.over[id]
		}
		if len(pending) > 0 && p.over[pending[0]] && !lost {
			p.failf("%d is over and not confirmed", pending[0])
		}
		if p.succeeded != p.observed {
			p.failf("%d have succeeded, and Observe was told of %d", p.succeeded, p.observed)
		}
	}
	p.mu.Unlock()
	close(p.killed)
}

// RoundTrip implements [http.RoundTripper].
func (p *pollProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	fault := p.fault
	if p.calm {
		fault = faultNone
	}
	if p.dead {
		fault = faultNetwork
	}
	if strings.HasSuffix(r.URL.Path, "/getUpdates") {
		p.check(r)
	}
	if fault != faultNone {
		p.failures++
	}
	p.mu.Unlock()
	switch fault {
	case faultNetwork:
		return nil, errors.New("connection refused")
	case faultHang:
		select {
		case <-r.Context().Done():
		case <-p.killed:
		}
		return nil, errors.New("nothing came")
	case faultHTML:
		return rig.APIAnswer(502, `<html>`), nil
	}
	res, err := p.tg.RoundTrip(r)
	if err == nil && res.StatusCode != http.StatusOK {
		p.mu.Lock()
		p.failures++
		p.mu.Unlock()
	}
	return res, err
}

// check looks at a call of getUpdates. The mutex is held.
func (p *pollProcess) check(r *http.Request) {
	var asked struct {
		Offset int64 `json:"offset"`
	}
	body, err := r.GetBody()
	if err == nil {
		err = json.NewDecoder(body).Decode(&asked)
	}
	if err != nil {
		p.failf("getUpdates: %v", err)
	}
	p.notef("getUpdates from %d", asked.Offset)
	p.missing()
	if !p.ending {
		if gap := time.Since(p.asked); asked.Offset == p.offset && gap < 700*time.Millisecond {
			p.failf("offset %d was repeated after %v", asked.Offset, gap)
		}
		if asked.Offset < p.offset && asked.Offset/1000 == p.offset/1000 {
			p.failf("offset %d comes after %d", asked.Offset, p.offset)
		}
	}
	p.offset, p.asked = asked.Offset, time.Now()
}

// begin notes that u runs, or is buried. It is false in a dead process.
func (p *pollProcess) begin(u *pollUpdate, what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false
	}
	position := slices.Index(p.tg.PendingIDs(), u.id)
	p.notef("%d %s", u.id, what)
	if p.over[u.id] {
		p.failf("%d %s, and is over", u.id, what)
	}
	if position >= 100 {
		p.failf("%d %s, the %dth that is not confirmed", u.id, what, position+1)
	}
	if u.lane == "" {
		return true
	}
	if other, busy := p.running[u.lane]; busy {
		p.failf("%d %s while %d does, in lane %s", u.id, what, other, u.lane)
	}
	p.running[u.lane] = u.id
	if last, ok := p.last[u.lane]; ok && last > u.seq {
		p.failf("%d %s after one that came later in lane %s", u.id, what, u.lane)
	}
	p.last[u.lane] = u.seq
	for _, v := range p.updates {
		if v.lane == u.lane && v.seq < u.seq && !v.over && !v.gone() {
			p.failf("%d %s before %d is over, in lane %s", u.id, what, v.id, u.lane)
		}
	}
	return true
}

// finish notes how it ended.
func (p *pollProcess) finish(u *pollUpdate, over bool, how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return
	}
	p.notef("%d ends: %s", u.id, how)
	delete(p.running, u.lane)
	if over {
		u.over, p.over[u.id] = true, true
	}
}

// wait is over sooner if ctx ends, or the process dies.
func (p *pollProcess) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.killed:
	}
}

func (p *pollProcess) handle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	p.mu.Lock()
	known := p.updates[u.ID]
	deed, takes := known.deeds[min(known.starts, len(known.deeds)-1)], known.takes[min(known.starts, len(known.deeds)-1)]
	p.mu.Unlock()
	if !p.begin(known, "starts") {
		return tghook.NoReply, rig.ErrBroken
	}
	p.mu.Lock()
	known.starts++
	p.attempts[u.ID]++
	if most := p.cfg.Dispatch.MaxAttempts; most > 0 && p.attempts[u.ID] > most {
		p.failf("%d starts for the %dth time", u.ID, p.attempts[u.ID])
	}
	if p.attempts[u.ID] == 1 {
		p.first[u.ID] = time.Now()
	}
	if age := time.Since(p.first[u.ID]); p.store == nil && age >= modelLifetime(u.Kind) {
		p.failf("%d of kind %s starts again after %v", u.ID, u.Kind, age)
	}
	p.mu.Unlock()
	limit := cmp.Or(p.cfg.Dispatch.HandlerTimeout, 5*time.Minute) + 10*time.Second
	switch {
	case deed == pollObey:
		p.wait(ctx, time.Hour)
	case takes >= limit:
		p.wait(context.WithoutCancel(ctx), limit-1)
		p.finish(known, false, "is abandoned")
		p.wait(context.WithoutCancel(ctx), takes-limit+time.Second)
		return tghook.Reply{Method: "deleteMyCommands"}, nil
	default:
		p.wait(context.WithoutCancel(ctx), takes)
	}
	good := deed == pollOK || deed == pollReply
	if good {
		p.mu.Lock()
		if !p.dead {
			p.succeeded++
		}
		p.mu.Unlock()
	}
	p.finish(known, good, string(deed))
	switch deed {
	case pollOK:
		return tghook.NoReply, nil
	case pollReply:
		return tghook.Reply{Method: "deleteMyCommands"}, nil
	case pollPanic:
		panic("handler")
	case pollGoexit:
		runtime.Goexit()
	case pollDrop:
		return tghook.NoReply, tghook.Drop(rig.ErrBroken)
	case pollRetry:
		return tghook.NoReply, tghook.RetryAfter(1500*time.Millisecond, rig.ErrBroken)
	}
	return tghook.NoReply, rig.ErrBroken
}

func (p *pollProcess) bury(ctx context.Context, u *tghook.Update, _ error) error {
	p.mu.Lock()
	known := p.updates[u.ID]
	p.mu.Unlock()
	if !p.begin(known, "is buried") {
		return rig.ErrBroken
	}
	p.wait(ctx, known.takes[0]) // else it may be given up, and accept it after all
	p.mu.Lock()
	p.refused[u.ID]++
	n := p.refused[u.ID]
	p.mu.Unlock()
	if n > known.buries {
		p.finish(known, true, "dead letter")
		return nil
	}
	p.finish(known, false, "no dead letter")
	switch n % 3 {
	case 1:
		panic("DeadLetter")
	case 2:
		runtime.Goexit()
	}
	return rig.ErrBroken
}

func (p *pollProcess) observe(_ context.Context, v tghook.Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return
	}
	p.notef("Observe: %d %s attempt %d: %v", v.Update.ID, v.Outcome, v.Attempt, v.Err)
	switch v.Outcome {
	case tghook.OutcomeHandled, tghook.OutcomeReplied, tghook.OutcomeReplyLost:
		p.observed++
	}
	if v.Update.ID%20 == 0 {
		panic("Observe")
	}
}

// pollStore is the Store as a process sees it.
type pollStore struct{ p *pollProcess }

func (s pollStore) alive() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.dead {
		return rig.ErrStoreDown
	}
	return nil
}

func (s pollStore) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	if err := s.alive(); err != nil {
		return tghook.ClaimResult{}, err
	}
	return s.p.store.Claim(ctx, c, lease, ttl)
}

func (s pollStore) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	if err := s.alive(); err != nil {
		return err
	}
	return s.p.store.Renew(ctx, c, lease)
}

func (s pollStore) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	if err := s.alive(); err != nil {
		return err
	}
	return s.p.store.Done(ctx, c, reply)
}

func (s pollStore) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	if err := s.alive(); err != nil {
		return err
	}
	return s.p.store.Fail(ctx, c, note)
}

func (s pollStore) Release(ctx context.Context, c tghook.Claim) error {
	if err := s.alive(); err != nil {
		return err
	}
	return s.p.store.Release(ctx, c)
}
