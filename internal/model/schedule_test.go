package model_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook"
)

// modelSchedule is one run of the model.
type modelSchedule struct {
	setup modelSetup
	ops   []modelOp
}

// modelSetup is what does not change during a schedule.
type modelSetup struct {
	replicas       int
	sticky         int // so many deliveries of an update in a row go to one replica
	store          bool
	late           tghook.LatePolicy
	ephemeral      bool
	lateAfter      time.Duration
	life           time.Duration // of a delivery's ctx, as on Lambda; 0: no end
	handlerTimeout time.Duration
	maxAttempts    int
	maxLane        int
	maxInFlight    int
	caller         bool
	callFails      bool
	endTakes       time.Duration // how long Caller and DeadLetter take
	unordered      bool          // Telegram without its queues
}

// modelOp is one thing that happens. Each makes sense without the others, so
// that a schedule can be shrunk by leaving some out.
type modelOp struct {
	what modelWhat
	at   time.Duration
	id   int64
	n    int           // of which delivery, or which replica
	wait time.Duration // how long, or after how long

	kind   tghook.Kind   // arrive
	chat   int64         // arrive
	steps  []modelStep   // arrive: what the handler does, by attempt; then it succeeds at once
	buries int           // arrive: how often DeadLetter refuses it
	down   time.Duration // stop: until the replica is there again
}

type modelWhat string

const (
	modelArrive modelWhat = "arrive" // Telegram gets update id
	modelAgain  modelWhat = "again"  // a stray delivery of update id to replica n
	modelGone   modelWhat = "gone"   // the client of its n-th delivery goes away after wait
	modelLost   modelWhat = "lost"   // the answer to its n-th delivery is lost
	modelStop   modelWhat = "stop"   // replica n gets wait to shut down
	modelDown   modelWhat = "down"   // the Store refuses everything for wait
	modelSlow   modelWhat = "slow"   // for wait the Store's answers take a second (n = 0), or too long
	modelSteal  modelWhat = "steal"  // the lease of update id is lost
)

// modelStep is what a handler does in one attempt.
type modelStep struct {
	does  modelDeed
	takes time.Duration
	obeys bool // it returns when its ctx ends
}

type modelDeed string

const (
	modelOK     modelDeed = "ok"
	modelReply  modelDeed = "reply"
	modelGet    modelDeed = "get" // a reply that cannot ride
	modelBad    modelDeed = "bad" // a reply that cannot be encoded
	modelFail   modelDeed = "fail"
	modelPanic  modelDeed = "panic"
	modelGoexit modelDeed = "goexit"
	modelDrop   modelDeed = "drop"
	modelRetry  modelDeed = "retry" // RetryAfter 2.5 s
	modelHour   modelDeed = "hour"  // RetryAfter more than any kind allows
)

// after is when a delivery of kind is late; negative: never.
func (s *modelSetup) after(kind tghook.Kind) time.Duration {
	after := cmp.Or(s.lateAfter, 8*time.Second)
	if after < 0 {
		return after
	}
	if kind == tghook.KindInlineQuery || kind == tghook.KindPreCheckoutQuery {
		after = min(after, 5*time.Second)
	}
	if s.life > 0 {
		after = min(after, s.life-max(500*time.Millisecond, s.life/20))
	}
	return after
}

func (s *modelSetup) policy() tghook.LatePolicy {
	if s.ephemeral {
		return tghook.LateCancel
	}
	return cmp.Or(s.late, tghook.LateRetry)
}

func (s *modelSetup) timeout() time.Duration { return cmp.Or(s.handlerTimeout, 5*time.Minute) }

// lane is the lane of an update, "" for none, and queue Telegram's queue of it.
func (o *modelOp) lane() string {
	switch o.kind {
	case "":
		return ""
	case tghook.KindInlineQuery, tghook.KindPreCheckoutQuery:
		return fmt.Sprint("query ", o.chat)
	case tghook.KindPoll:
		return fmt.Sprint("poll ", o.chat)
	default:
		return fmt.Sprint("chat ", o.chat)
	}
}

func (o *modelOp) queue() string {
	switch o.kind {
	case tghook.KindMessage, tghook.KindPoll:
		return fmt.Sprint(o.kind, o.chat)
	case "":
		return fmt.Sprint("id", o.id)
	default:
		return fmt.Sprint(o.kind, o.chat)
	}
}

func (o *modelOp) body() string {
	switch o.kind {
	case "":
		return fmt.Sprintf(`{"update_id":%d}`, o.id)
	case tghook.KindMessage:
		return fmt.Sprintf(`{"update_id":%d,"message":{"chat":{"id":%d},"from":{"id":%d}}}`, o.id, o.chat, o.chat)
	case tghook.KindCallbackQuery:
		return fmt.Sprintf(`{"update_id":%d,"callback_query":{"from":{"id":%d},"message":{"chat":{"id":%d}}}}`, o.id, o.chat, o.chat)
	case tghook.KindPoll:
		return fmt.Sprintf(`{"update_id":%d,"poll":{"id":"%d"}}`, o.id, o.chat)
	default:
		return fmt.Sprintf(`{"update_id":%d,%q:{"from":{"id":%d}}}`, o.id, o.kind, o.chat)
	}
}

// modelLifetime is how long Telegram offers an update (telegram-server.md, 1).
func modelLifetime(kind tghook.Kind) time.Duration {
	switch kind {
	case tghook.KindInlineQuery:
		return 30 * time.Second
	case tghook.KindCallbackQuery, tghook.KindPreCheckoutQuery:
		return 150 * time.Second
	default:
		return 24 * time.Hour
	}
}

// modelSource makes the bytes of a fuzz input a source of randomness, and goes on
// at random behind their end.
type modelSource struct {
	data []byte
	rest *rand.PCG
}

func (s *modelSource) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.rest.Uint64()
	}
	b := uint64(s.data[0])
	s.data = s.data[1:]
	return b * 0x0101_0101_0101_0101
}

func modelOfSeed(seed uint64) modelSchedule { return newModelSchedule(rand.NewPCG(seed, 0)) }

// newModelSchedule makes a schedule of 10 to 60 operations.
func newModelSchedule(source rand.Source) modelSchedule {
	g := modelRandom{rand.New(source)}
	s := modelSchedule{setup: g.setup()}
	g.schedule(&s)
	return s
}

type modelRandom struct{ *rand.Rand }

func (g modelRandom) chance(percent int) bool { return g.IntN(100) < percent }

func modelPick[T any](g modelRandom, values ...T) T { return values[g.IntN(len(values))] }

func (g modelRandom) setup() modelSetup {
	s := modelSetup{
		replicas:       1,
		sticky:         modelPick(g, 1, 1, 2, 1000),
		store:          g.chance(40),
		late:           modelPick(g, tghook.LateRetry, tghook.LateRetry, tghook.LateCancel, tghook.LateAck),
		ephemeral:      g.chance(10),
		lateAfter:      modelPick[time.Duration](g, 0, 0, 3*time.Second, -1),
		handlerTimeout: modelPick[time.Duration](g, 0, 0, 20*time.Second),
		maxAttempts:    modelPick(g, 0, 0, 1, 2, 3),
		maxLane:        modelPick(g, 0, 0, 0, 2),
		maxInFlight:    modelPick(g, 0, 0, 0, 3),
		caller:         g.chance(60),
		callFails:      g.chance(10),
		unordered:      g.chance(35),
	}
	if g.chance(30) {
		s.replicas = 2
		s.store = g.chance(70)
	}
	if g.chance(15) {
		s.life = modelPick(g, 5*time.Second, 20*time.Second)
	}
	if g.chance(25) {
		s.endTakes = modelPick(g, 1, 3*time.Second, 12*time.Second)
	}
	return s
}

// duration picks one around which something may go wrong.
func (g modelRandom) duration(s *modelSetup) time.Duration {
	after := s.after(modelPick(g, tghook.KindMessage, tghook.KindMessage, tghook.KindInlineQuery))
	if after < 0 {
		after = 8 * time.Second
	}
	const retry, await = 2 * time.Second, 10 * time.Second
	d := modelPick(
		g, 0, 0, 0, time.Millisecond, time.Second, after, after, after+time.Second, after+retry, 2*after+retry,
		2*(after+retry), await, after+await, s.timeout(), 30*time.Second, 45*time.Second, 70*time.Second,
	)
	if d > time.Millisecond {
		d += modelPick(g, time.Duration(0), 0, -1, 1)
	}
	return d
}

func (g modelRandom) schedule(s *modelSchedule) {
	n := 10 + g.IntN(51)
	span := modelPick(g, time.Second, 10*time.Second, 60*time.Second)
	moment := func() time.Duration {
		switch g.IntN(3) {
		case 0:
			return min(g.duration(&s.setup), span)
		default:
			return time.Duration(g.IntN(int(span/time.Second)+1)) * time.Second
		}
	}
	updates := 1 + n*(20+g.IntN(50))/100
	stops, faults := g.chance(40), g.chance(60)
	for i := range n {
		o := modelOp{at: moment(), id: int64(1 + g.IntN(updates)), n: g.IntN(2)}
		if i < updates {
			o.what, o.id, o.n = modelArrive, int64(i+1), 0
			o.chat = int64(1 + g.IntN(3))
			o.kind = modelPick(g, tghook.KindMessage, tghook.KindMessage, tghook.KindMessage, tghook.KindCallbackQuery,
				tghook.KindInlineQuery, tghook.KindPreCheckoutQuery, tghook.KindPoll)
			if g.chance(2) {
				o.kind = ""
			}
			o.steps = g.steps(&s.setup)
			if g.chance(20) {
				o.buries = 1 + g.IntN(2)
			}
			s.ops = append(s.ops, o)
			continue
		}
		switch pick := g.IntN(10); {
		case pick < 3:
			o.what, o.n, o.wait = modelGone, g.IntN(4), g.duration(&s.setup)
		case pick < 5:
			o.what, o.n = modelLost, g.IntN(4)
		case pick < 7 && s.setup.store && faults:
			o.what = modelPick(g, modelDown, modelSlow, modelSteal)
			o.wait = g.duration(&s.setup)
		case pick < 8 && stops:
			o.what, o.wait, o.down = modelStop, g.duration(&s.setup), modelPick(g, 0, time.Second, 40*time.Second)
		case s.setup.unordered:
			o.what = modelAgain
		default:
			o.what, o.n, o.wait = modelGone, g.IntN(4), 0
		}
		s.ops = append(s.ops, o)
	}
}

func (g modelRandom) steps(s *modelSetup) (steps []modelStep) {
	for range modelPick(g, 1, 1, 1, 2, 3) {
		steps = append(steps, modelStep{
			does: modelPick(g, modelOK, modelOK, modelReply, modelReply, modelReply, modelReply, modelGet, modelBad,
				modelFail, modelFail, modelFail, modelPanic, modelGoexit, modelDrop, modelRetry, modelHour),
			takes: g.duration(s),
			obeys: g.chance(50),
		})
	}
	return steps
}
