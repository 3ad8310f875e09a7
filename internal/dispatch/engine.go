// Package dispatch runs items: each once, the items of one lane one after the other and
// in order. It knows which items have succeeded, which may come again, and who waits for
// which. It does not know what an item is. Items of a group are kept, and then run as one
// item: see [Keeper].
//
// An item comes with a delivery. The first delivery begins a flight, which waits for its
// turn in its lane. A worker then carries the flight from its turn to its end: see
// worker.carry. Further deliveries of the item join the flight. When the flight ends, the
// memory keeps what a later delivery needs to know.
package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/lane"
)

// Config is what an Engine is made of.
type Config struct {
	Owner Owner
	// Store is nil if this process is on its own.
	Store Store
	// Keeper keeps the items of groups. If nil, no item has a Part.
	Keeper Keeper
	// Source says how an item comes again after a failure.
	Source Source
	// LastAttempt is the part of Item.Life that is for a last attempt.
	LastAttempt time.Duration
	// NextDelivery is how long after the n-th delivery of an item that got no answer its
	// sender delivers it again.
	NextDelivery func(n int) time.Duration
	// Timeout is how long an attempt may take. If negative, there is no limit.
	Timeout time.Duration
	// MaxInFlight is how many items may wait or run.
	MaxInFlight int
	// MaxLane is how many of them may be in one lane.
	MaxLane int
	// MaxAttempts is how many attempts an item has. If zero, see history.
	MaxAttempts int
	// Lives are the values that Item.Life has.
	Lives []time.Duration
}

// Owner is the package that an Engine works for. Its methods are called concurrently, and
// without a lock unless their documentation says otherwise. They must not panic. Only
// Handle may end its goroutine, or not return.
type Owner interface {
	// Handle makes one attempt of ctx.Item.
	Handle(ctx *Context) Result
	// Refuse returns why the handler of an item may not run, when its turn has come. The
	// item becomes a dead letter then. For most items Refuse returns nil. It is called
	// under a lock.
	Refuse(it *Item) error
	// Label returns the name of an item's kind, for errors. It is called under a lock.
	Label(it *Item) string
	// Value returns the value of a context for a key. If ok is false, the context of the
	// delivery is asked.
	Value(ctx *Context, key any) (value any, ok bool)
	// DeadLetter accepts an item that is given up, or returns an error.
	DeadLetter(ctx *Context, l Letter) error
	// Observe gets the report of each attempt whose result no delivery carries.
	Observe(values context.Context, r Report)
	// Untold gets the ids of items that have succeeded, and whose sender did not ask again.
	Untold(ids []int64)
}

// Letter is why an item is given up.
type Letter struct {
	Why error
	// Acknowledged says that the item will not be delivered again.
	Acknowledged bool
}

// Engine dispatches items. It is safe for concurrent use.
type Engine struct {
	Config

	origin time.Time       // when the engine was made: every point in time counts from it
	calls  context.Context // of the replies that are sent outside of a flight
	cancel context.CancelCauseFunc
	observers

	mu          sync.Mutex
	effects     effects
	flights     map[int64]*flight
	lanes       *lane.Lanes[*flight]
	memory      memory
	idle        []*worker // they look for work once more; the front one looks first
	background  int       // calls that no flight waits for
	abandoned   int       // handlers that were given up and have not returned
	watching    bool      // a timer is set for the oldest attempt
	crowded     bool      // see SetCrowded
	successes   uint64
	lastSuccess time.Duration
	shutdown    shutdown
	groups
}

// New returns an engine. It starts nothing.
func New(cfg Config) *Engine {
	e := &Engine{
		Config:   cfg,
		origin:   time.Now(),
		flights:  make(map[int64]*flight),
		lanes:    lane.New[*flight](cfg.MaxLane),
		memory:   newMemory(cfg.Lives),
		shutdown: newShutdown(),
		groups:   groups{gathering: make(map[lane.Key]*flight)},
	}
	e.calls, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Now returns the time since the engine was made.
func (e *Engine) Now() time.Duration { return time.Since(e.origin) }

// At returns the time of the clock at which Now is t.
func (e *Engine) At(t time.Duration) time.Time { return e.origin.Add(t) }

// Stats is what an engine holds at a moment.
type Stats struct {
	InFlight  int    // items that wait or run
	Lanes     int    // lanes with at least one of them
	Failed    int    // items that failed and may come again
	Untold    int    // items that succeeded, and no delivery was told
	Succeeded int    // items that are known to have succeeded
	Evicted   uint64 // items that were forgotten before their time
	Abandoned int    // abandoned handlers that have not returned
}

// Stats returns what e holds now.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		InFlight:  len(e.flights),
		Lanes:     e.lanes.Len(),
		Failed:    len(e.memory.failures),
		Untold:    len(e.memory.untold),
		Succeeded: e.memory.succeeded.Len(),
		Evicted:   e.memory.succeeded.Evicted() + e.memory.evicted,
		Abandoned: e.abandoned,
	}
}

// Full reports whether MaxInFlight is reached, so that only an item that is known
// already is let in.
func (e *Engine) Full() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.flights) >= e.MaxInFlight
}

// Calls is a context that ends with ErrShutdown when e is stopped.
func (e *Engine) Calls() context.Context { return e.calls }
