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

	"github.com/tghook/tghook"
)

// The model plays random schedules: a simulated Telegram, one or two replicas,
// perhaps a Store, and faults, in virtual time. What happened is checked against
// the promise (reference_test.go); a schedule that breaks it is shrunk
// (shrink_test.go) until it can be pasted into TestModelRegressions.
//
//	TGHOOK_MODEL_SEED=7 go test -run TestModel$ ./internal/model    one schedule again
//	TGHOOK_MODEL_COUNT=100000 go test -run TestModel$ -timeout 0 ./internal/model
//
// Goroutines of one virtual instant run in any order, so that a seed that fails
// by a race of one instant may need several goes; a replay makes them.

// modelWorld plays one schedule. Its mutex guards the trace too.
type modelWorld struct {
	modelSchedule
	start time.Time
	store *modelStore
	wg    sync.WaitGroup

	mu    sync.Mutex
	tr    modelTrace
	slots []*modelProcess // nil while a replica is down
	procs []*modelProcess
	calls map[int64]int // how often DeadLetter was called
}

// modelProcess is one life of a replica.
type modelProcess struct {
	w       *modelWorld
	n       int
	hook    *tghook.Webhook
	stopped bool
	over    bool                       // Shutdown has returned: what comes now nobody is told
	dead    bool                       // what it does now nobody outside notices
	exited  chan struct{}              // closed when dead
	active  map[*modelRun]func() error // whether their ctx has ended
	fences  map[int64]string           // of its claims
}

type modelKey struct{}

func (w *modelWorld) run() {
	w.start = time.Now()
	w.store = &modelStore{w: w, entries: map[int64]*modelEntry{}}
	w.slots = make([]*modelProcess, max(w.setup.replicas, 1))
	for slot := range w.slots {
		w.boot(slot)
	}
	queues := map[string][]*modelOp{}
	for i := range w.ops {
		o := &w.ops[i]
		switch o.what {
		case modelArrive:
			key := o.queue()
			if w.setup.unordered {
				key = strconv.Itoa(i)
			}
			queues[key] = append(queues[key], o)
		case modelAgain:
			if u := w.tr.updates[o.id]; u != nil && o.at >= u.at && o.at < u.at+modelLifetime(u.kind) {
				w.wg.Go(func() {
					time.Sleep(o.at)
					w.deliver(u, -1, w.slot(o.n))
				})
			}
		case modelStop:
			w.wg.Go(func() { w.stop(o) })
		case modelSteal:
			w.wg.Go(func() {
				time.Sleep(o.at)
				w.store.steal(o.id)
			})
		}
	}
	for _, queue := range queues {
		slices.SortStableFunc(queue, func(a, b *modelOp) int { return cmp.Compare(a.at, b.at) })
		w.wg.Go(func() {
			for _, u := range queue {
				w.send(u)
			}
		})
	}
	done := make(chan struct{})
	go func() { w.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * 24 * time.Hour):
		w.tr.stuck = "deliveries still wait after ten days"
		return
	}
	time.Sleep(6 * time.Hour) // nothing takes longer, but for what redeliveries alone can end
	w.takeStats(false)
	time.Sleep(25 * time.Hour)
	w.takeStats(true)
	for slot, p := range w.slots {
		if p != nil {
			w.stop(&modelOp{n: slot, wait: time.Second})
		}
	}
}

func (w *modelWorld) takeStats(final bool) {
	for _, p := range w.procs {
		w.tr.stats = append(w.tr.stats, modelStats{proc: p.n, dead: p.dead, final: final, Stats: p.hook.Stats()})
	}
}

// moment is now. The mutex is held.
func (w *modelWorld) moment() modelMoment {
	w.tr.seq++
	return modelMoment{w.tr.seq, time.Since(w.start)}
}

func (w *modelWorld) boot(slot int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &modelProcess{
		w: w, n: len(w.procs), exited: make(chan struct{}),
		active: map[*modelRun]func() error{}, fences: map[int64]string{},
	}
	cfg := tghook.Config{
		InsecureNoSecret: true,
		Late:             w.setup.late,
		LateAfter:        w.setup.lateAfter,
		Ephemeral:        w.setup.ephemeral,
		Dispatch: tghook.DispatchConfig{
			Bot:            1,
			Logger:         slog.New(slog.DiscardHandler),
			HandlerTimeout: w.setup.handlerTimeout,
			MaxAttempts:    w.setup.maxAttempts,
			MaxLane:        w.setup.maxLane,
			MaxInFlight:    w.setup.maxInFlight,
			DeadLetter:     p.bury,
			Observe:        p.observe,
		},
	}
	if w.setup.store {
		cfg.Dispatch.Store = p
	}
	if w.setup.caller {
		cfg.Dispatch.Caller = p
	}
	var err error
	if p.hook, err = tghook.New(tghook.HandlerFunc(p.handle), cfg); err != nil {
		panic(err)
	}
	w.procs = append(w.procs, p)
	w.slots[slot] = p
}

func (w *modelWorld) slot(n int) *modelProcess {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.slots { // the load balancer passes over what is down
		if p := w.slots[(n+i)%len(w.slots)]; p != nil {
			return p
		}
	}
	return nil
}

// stop shuts a replica down; its process ends soon after, and another begins.
func (w *modelWorld) stop(o *modelOp) {
	time.Sleep(o.at)
	slot := o.n % len(w.slots)
	w.mu.Lock()
	p := w.slots[slot]
	if p == nil || p.stopped {
		w.mu.Unlock()
		return
	}
	p.stopped = true
	s := &modelStopping{proc: p.n, begin: w.moment(), grace: o.wait}
	w.tr.stops = append(w.tr.stops, s)
	w.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), o.wait)
	defer cancel()
	err := p.hook.Shutdown(ctx)

	w.mu.Lock()
	s.end, s.err, p.over = w.moment(), err, true
	for r, ended := range p.active {
		if ended() == nil {
			s.running = append(s.running, r.id)
		}
	}
	w.slots[slot] = nil
	w.mu.Unlock()
	time.Sleep(time.Millisecond) // its server's own shutdown

	w.mu.Lock()
	p.dead = true
	w.mu.Unlock()
	close(p.exited)
	if o.what == modelStop {
		time.Sleep(o.down)
		w.boot(slot)
	}
}

// send offers u as Telegram does, until it is acknowledged or its life is over
// (telegram-server.md, 3).
func (w *modelWorld) send(u *modelOp) {
	time.Sleep(u.at - time.Since(w.start))
	random := rand.New(rand.NewPCG(uint64(u.id), 1))
	expires := u.at + modelLifetime(u.kind)
	delay := time.Second
	for n := range 2000 {
		status, retry, seen := w.deliver(u, n, w.slot(int(u.id)+n/max(w.setup.sticky, 1)))
		if seen && status/100 == 2 {
			w.fate(u, modelAcked)
			return
		}
		var wait time.Duration
		if seconds, err := strconv.Atoi(retry); err == nil {
			wait = time.Duration(min(max(seconds, 0), 3600)) * time.Second
		} else if n > 0 {
			delay = min(time.Duration(60+random.IntN(60))*time.Second, 2*delay)
			wait = delay
		}
		if time.Since(w.start)+wait > expires {
			w.fate(u, modelExpired)
			return
		}
		time.Sleep(wait)
	}
}

func (w *modelWorld) fate(u *modelOp, f modelFate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tr.fates[u.id] = f
}

// deliver is one request. seen is whether Telegram has seen the answer.
func (w *modelWorld) deliver(u *modelOp, n int, p *modelProcess) (status int, retry string, seen bool) {
	if p == nil {
		return 0, "", false // connection refused
	}
	gone, lost := 60*time.Second, false
	for _, o := range w.ops {
		if n >= 0 && o.id == u.id && o.n == n {
			switch o.what {
			case modelGone:
				gone = min(gone, o.wait)
			case modelLost:
				lost = true
			}
		}
	}
	if w.setup.life > 0 && w.setup.lateAfter < 0 { // nothing guards the end of ctx
		gone = min(gone, w.setup.life)
	}
	w.mu.Lock()
	d := &modelDelivery{proc: p.n, id: u.id, begin: w.moment()}
	w.tr.deliveries = append(w.tr.deliveries, d)
	w.mu.Unlock()

	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), modelKey{}, d))
	defer cancel()
	if w.setup.life > 0 {
		ctx, cancel = context.WithTimeout(ctx, w.setup.life)
		defer cancel()
	}
	leave := func() {
		w.mu.Lock()
		d.gone = w.moment()
		w.mu.Unlock()
		cancel()
	}
	if gone == 0 {
		leave()
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		body := u.body()
		res := p.hook.Serve(ctx, tghook.Request{
			Method: http.MethodPost, ContentType: "application/json",
			ContentLength: int64(len(body)), Body: strings.NewReader(body),
		})
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.stopped && d.reports == 0 {
			return
		}
		d.end, d.status, d.body = w.moment(), res.Status, string(res.Body)
		d.retry, d.contentType = res.Header.Get("Retry-After"), res.Header.Get("Content-Type")
	}()
	timer := time.NewTimer(gone)
	defer timer.Stop()
	select {
	case <-answered:
		return d.status, d.retry, !lost && gone > 0
	case <-timer.C:
	case <-p.exited:
	}
	if gone > 0 {
		leave()
	}
	return 0, "", false
}

// handle is the handler.
func (p *modelProcess) handle(ctx context.Context, u *tghook.Update) (reply tghook.Reply, err error) {
	w, op := p.w, p.w.tr.updates[u.ID]
	r := p.begin(u.ID, false)
	step := modelStep{does: modelOK}
	if r.n < len(op.steps) {
		step = op.steps[r.n]
	}
	w.mu.Lock()
	p.active[r] = ctx.Err
	w.mu.Unlock()
	if step.obeys {
		timer := time.NewTimer(step.takes)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			err = context.Cause(ctx)
		}
	} else if limit := w.setup.timeout() + 10*time.Second; step.takes >= limit {
		time.Sleep(limit - 1)
		w.mu.Lock()
		r.end, r.cause, r.unreported = w.moment(), modelCause(ctx), p.stopped
		r.end.at++ // its dead letter begins at that instant, maybe before this goroutine does
		delete(p.active, r)
		w.mu.Unlock()
		time.Sleep(step.takes - limit + time.Second)
		return tghook.Reply{Method: "sendMessage", Params: map[string]string{"text": "too late"}}, nil
	} else if step.takes > 0 {
		time.Sleep(step.takes)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	delete(p.active, r)
	r.end, r.cause, r.obeyed, r.unreported = w.moment(), modelCause(ctx), err != nil, p.over
	if err != nil {
		return reply, err
	}
	failure := errors.New("failed on purpose")
	switch step.does {
	case modelOK, "":
		r.ok = true
	case modelReply, modelGet:
		r.text = fmt.Sprintf("%d.%d", u.ID, r.n)
		r.ok, r.rides = step.does == modelReply || w.setup.caller, step.does == modelReply
		method := "sendMessage"
		if !r.rides {
			method = "getChat"
		}
		return tghook.Reply{Method: method, Params: map[string]string{"text": r.text}}, nil
	case modelBad:
		return tghook.Reply{Method: "sendMessage", Params: 1}, nil
	case modelFail:
		return tghook.Reply{Method: "sendMessage"}, failure
	case modelPanic:
		panic("on purpose")
	case modelGoexit:
		runtime.Goexit()
	case modelDrop:
		return reply, tghook.Drop(failure)
	case modelRetry:
		r.retry = 2500 * time.Millisecond
		return reply, tghook.RetryAfter(r.retry, failure)
	case modelHour:
		r.retry = 100 * time.Hour
		return reply, tghook.RetryAfter(r.retry, failure)
	}
	return reply, nil
}

// begin records that code of the user's starts for an update.
func (p *modelProcess) begin(id int64, bury bool) *modelRun {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &modelRun{proc: p.n, id: id, bury: bury, begin: w.moment(), fence: p.fences[id]}
	for _, other := range w.tr.runs {
		if other.id == id && other.bury == bury {
			r.n++
		}
	}
	w.tr.runs = append(w.tr.runs, r)
	return r
}

// bury is DeadLetter.
func (p *modelProcess) bury(_ context.Context, u *tghook.Update, _ error) error {
	r := p.begin(u.ID, true)
	if p.w.setup.endTakes > 0 {
		time.Sleep(p.w.setup.endTakes)
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	r.end, r.unreported = p.w.moment(), p.over
	r.ok = r.n >= p.w.tr.updates[u.ID].buries
	if !r.ok {
		return errors.New("no graves today")
	}
	return nil
}

// Call implements [tghook.Caller].
func (p *modelProcess) Call(_ context.Context, _ string, params, _ any) error {
	w := p.w
	var reply struct {
		Text string `json:"text"`
	}
	data, err := json.Marshal(params)
	if err == nil {
		err = json.Unmarshal(data, &reply)
	}
	w.mu.Lock()
	c := &modelCall{proc: p.n, text: reply.Text, begin: w.moment()}
	w.tr.calls = append(w.tr.calls, c)
	w.mu.Unlock()
	if w.setup.endTakes > 0 {
		time.Sleep(w.setup.endTakes)
	}
	if w.setup.callFails {
		return errors.New("failed on purpose")
	}
	return err
}

func (p *modelProcess) observe(ctx context.Context, v tghook.Delivery) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	report := &modelReport{proc: p.n, id: v.Update.ID, at: w.moment(), outcome: v.Outcome, attempt: v.Attempt, status: v.Status, rode: v.Rode}
	if v.Status != 0 { // of an arrival
		report.of, _ = ctx.Value(modelKey{}).(*modelDelivery)
		report.of.reports++
		report.of.outcome, report.of.attempt = v.Outcome, v.Attempt
	}
	w.tr.reports = append(w.tr.reports, report)
}

// modelStore is a Store across a network. Each process is its own client of it.
type modelStore struct {
	w       *modelWorld
	entries map[int64]*modelEntry
}

type modelEntry struct {
	holder  *modelClaim // nil: nobody
	expires time.Duration
	attempt int
	note    []byte
	done    bool
	reply   []byte
}

var errModelDown = errors.New("store down")

// ask does f, or not, or lets its answer be lost, as the schedule wants it.
func (p *modelProcess) ask(ctx context.Context, f func(now modelMoment) error) error {
	w := p.w
	w.mu.Lock()
	now := w.moment()
	var slow time.Duration
	down := p.dead
	for _, o := range w.ops {
		if o.at <= now.at && now.at < o.at+o.wait {
			switch o.what {
			case modelDown:
				down = true
			case modelSlow:
				slow = max(slow, time.Second, time.Duration(o.n)*10*time.Second)
			}
		}
	}
	var err error
	if !down {
		err = f(now)
	}
	w.mu.Unlock()
	if down {
		return errModelDown
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// Claim implements [tghook.Store].
func (p *modelProcess) Claim(ctx context.Context, c tghook.Claim, lease, _ time.Duration) (tghook.ClaimResult, error) {
	var res tghook.ClaimResult
	id := c.Key.ID
	err := p.ask(ctx, func(now modelMoment) error {
		s := p.w.store
		e := s.entries[id]
		if e == nil {
			e = &modelEntry{}
			s.entries[id] = e
		}
		switch {
		case e.done:
			res = tghook.ClaimResult{State: tghook.ClaimDone, Reply: e.reply}
			return nil
		case e.holder != nil && now.at < e.expires:
			res = tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: e.expires - now.at}
			return nil
		case e.holder != nil: // lapsed
			e.holder.lost = now
			e.attempt++
		}
		e.holder = &modelClaim{begin: now, id: id, proc: p.n, attempt: e.attempt + 1}
		e.expires = now.at + lease
		p.w.tr.claims[c.Fence] = e.holder
		res = tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: e.attempt + 1, Note: e.note}
		return nil
	})
	if err == nil && res.State == tghook.ClaimGranted {
		p.w.mu.Lock()
		p.fences[id] = c.Fence
		p.w.mu.Unlock()
	}
	return res, err
}

// held does f for a claim that holds.
func (p *modelProcess) held(ctx context.Context, c tghook.Claim, f func(*modelEntry, modelMoment)) error {
	return p.ask(ctx, func(now modelMoment) error {
		e := p.w.store.entries[c.Key.ID]
		if e == nil || e.holder == nil || e.holder != p.w.tr.claims[c.Fence] {
			return fmt.Errorf("fence %s: %w", c.Fence, tghook.ErrClaimLost)
		}
		f(e, now)
		return nil
	})
}

// Renew implements [tghook.Store].
func (p *modelProcess) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return p.held(ctx, c, func(e *modelEntry, now modelMoment) { e.expires = now.at + lease })
}

// Done implements [tghook.Store].
func (p *modelProcess) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	err := p.held(ctx, c, func(e *modelEntry, now modelMoment) {
		e.done, e.reply = true, slices.Clone(reply)
		e.holder.done, e.holder.over, e.holder = true, now, nil
	})
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.tr.claims[c.Fence].tried = !errors.Is(err, tghook.ErrClaimLost)
	return err
}

// Fail implements [tghook.Store].
func (p *modelProcess) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return p.held(ctx, c, func(e *modelEntry, now modelMoment) {
		e.attempt, e.note, e.holder.over, e.holder = e.attempt+1, note, now, nil
	})
}

// Release implements [tghook.Store].
func (p *modelProcess) Release(ctx context.Context, c tghook.Claim) error {
	return p.held(ctx, c, func(e *modelEntry, now modelMoment) { e.holder.over, e.holder = now, nil })
}

// steal lets the lease of an update lapse at once.
func (s *modelStore) steal(id int64) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if e := s.entries[id]; e != nil && e.holder != nil {
		e.holder.lost = s.w.moment()
		e.holder = nil
		e.attempt++
	}
}

const modelSchedules = 500

func TestModel(t *testing.T) {
	first, count, goes := uint64(1), uint64(modelSchedules), 1
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_MODEL_COUNT"), 10, 64); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_MODEL_SEED"), 10, 64); err == nil {
		first = n
		if os.Getenv("TGHOOK_MODEL_COUNT") == "" {
			count, goes = 1, 50
		}
	}
	on := os.Getenv("TGHOOK_MODEL_ON") != "" // to find more, and to know which seed has ended the process
	for seed := first; seed < first+count; seed++ {
		if on {
			fmt.Fprintf(os.Stderr, "\rseed %d ", seed)
		}
		s := modelOfSeed(seed)
		if failure := s.failure(t, "", goes); failure != nil {
			t.Errorf("TGHOOK_MODEL_SEED=%d\n%s", seed, s.report(t, failure))
			if !on {
				return
			}
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("tghook"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newModelSchedule(&modelSource{data, rand.NewPCG(uint64(len(data)), 2)})
		if failure := s.failure(t, "", 1); failure != nil {
			t.Error(s.report(t, failure))
		}
	})
}

// Schedules that the model has found, shrunk.
func TestModelRegressions(t *testing.T) {
	for _, test := range modelRegressions {
		t.Run(test.name, func(t *testing.T) {
			if failure := test.failure(t, "", 20); failure != nil {
				t.Error(failure)
			}
		})
	}
}

var modelRegressions = []struct {
	name string
	modelSchedule
}{
	{"without a Caller a reply that nothing carries is lost", modelSchedule{
		setup: modelSetup{replicas: 2},
		ops: []modelOp{
			{what: modelArrive, id: 1, kind: "message", chat: 1, steps: []modelStep{{does: modelReply, takes: 9 * time.Second}, {}}},
		},
	}},
	{"a reply that waits for a redelivery is reported at Shutdown", modelSchedule{
		ops: []modelOp{
			{what: modelArrive, id: 1, kind: "message", chat: 1, steps: []modelStep{{does: modelReply, takes: 9 * time.Second}}},
			{what: modelStop, at: 9*time.Second + 500*time.Millisecond},
		},
	}},
	{"what LateAck has acknowledged is buried once when its claim is lost", modelSchedule{
		setup: modelSetup{store: true, late: tghook.LateAck, endTakes: 12 * time.Second},
		ops: []modelOp{
			{what: modelArrive, id: 1, kind: "message", chat: 1, steps: []modelStep{{takes: 20*time.Second + 1}}},
			{what: modelArrive, at: 1, id: 2, kind: "message", chat: 1},
			{what: modelSteal, at: 9 * time.Second, id: 2},
		},
	}},
	{"what LateAck has acknowledged has succeeded, though the Store says too late that the claim is lost", modelSchedule{
		setup: modelSetup{store: true, late: tghook.LateAck},
		ops: []modelOp{
			{what: modelArrive, id: 1, kind: "message", chat: 1, steps: []modelStep{{takes: 9 * time.Second}}},
			{what: modelSteal, at: time.Second, id: 1},
		},
	}},
	{"what LateAck has acknowledged is buried once, though the Store says too late that the claim is lost", modelSchedule{
		setup: modelSetup{store: true, late: tghook.LateAck},
		ops: []modelOp{
			{what: modelArrive, id: 1, kind: "message", chat: 1, steps: []modelStep{{does: modelFail, takes: 9 * time.Second}}},
			{what: modelSteal, at: time.Second, id: 1},
			{what: modelLost, id: 1},
		},
	}},
	{"a reply whose carrier leaves while the Store is told stays for the next", modelSchedule{
		setup: modelSetup{replicas: 2, sticky: 2, store: true, late: tghook.LateAck},
		ops: []modelOp{
			{what: modelArrive, id: 22, kind: "message", chat: 1, steps: []modelStep{{does: modelReply, takes: 14 * time.Second}}},
			{what: modelLost, id: 22},
			{what: modelSlow, at: time.Second, n: 1, wait: 70 * time.Second},
		},
	}},
}

// modelCause is context.Cause, which before Go 1.26 may miss the cause of a
// context that ends while it looks.
func modelCause(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// play plays a schedule in a bubble. A deadlock is one more thing that may happen.
func (s modelSchedule) play(t *testing.T) *modelTrace {
	w := &modelWorld{modelSchedule: s, calls: map[int64]int{}, tr: newModelTrace(s)}
	func() {
		defer func() {
			if v := recover(); v != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.tr.stuck = cmp.Or(w.tr.stuck, fmt.Sprint(v))
			}
		}()
		synctest.Test(t, func(*testing.T) { w.run() })
	}()
	return &w.tr
}
