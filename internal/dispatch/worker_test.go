package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/internal/lane"
)

// owner is one whose handlers succeed.
type owner struct{}

func (owner) Handle(*Context) Result            { return Result{} }
func (owner) Refuse(*Item) error                { return nil }
func (owner) Label(*Item) string                { return "" }
func (owner) Value(*Context, any) (any, bool)   { return nil, false }
func (owner) DeadLetter(*Context, Letter) error { return nil }
func (owner) Observe(context.Context, Report)   {}
func (owner) Untold([]int64)                    {}

// entered lets an item into a lane of e, without a worker.
func entered(t *testing.T, e *Engine, id int64) (*Delivery, *flight) {
	t.Helper()
	d, err := e.Arrive(t.Context(), e.Now(), Carries)
	require.NoError(t, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	admitted, err := e.enterLocked(d, lane.Key{Class: lane.Chat, ID: 1}, Item{ID: id, Life: time.Hour, MaxRetry: time.Hour})
	require.NoError(t, err)
	e.effects = effects{}
	return admitted, e.flights[id]
}

func newEngine() *Engine {
	return New(Config{
		Owner: owner{}, Source: Redelivered{}, Timeout: time.Minute, MaxInFlight: 10, MaxLane: 10, Lives: []time.Duration{time.Hour},
		NextDelivery: func(int) time.Duration { return 0 },
	})
}

// A flight that is turned away is over: a delivery that is late meanwhile must not be told
// that its item need not come again.
func TestADeliveryIsNotAcknowledgedWhileItsItemIsTurnedAway(t *testing.T) {
	t.Parallel()
	e := newEngine()
	d, f := entered(t, e, 1)
	require.False(t, e.Settled(d))
	e.shutdown.phase = stopped
	w := worker{engine: e}
	require.True(t, w.attempt(f))
	e.leave(d, Deadline{Then: Acknowledge})
	e.finish(f, &w.ending)
	assert.False(t, d.verdict.Acked)
	assert.Empty(t, e.flights)
}

// A waiting flight whose delivery was acknowledged may become a dead letter in the middle of
// its lane. It must not be run once more when it comes to the head.
func TestAFlightThatAWorkerCarriesIsNotHandedOnByItsLane(t *testing.T) {
	t.Parallel()
	e := newEngine()
	_, head := entered(t, e, 1)
	d, behind := entered(t, e, 2)
	require.False(t, e.Settled(d))
	e.leave(d, Deadline{Then: Acknowledge})
	require.True(t, d.verdict.Acked)
	e.mu.Lock()
	e.withdrawLocked(behind, errWithdrawn)
	assert.Equal(t, []*flight{behind}, e.effects.turns)
	e.effects = effects{}
	e.mu.Unlock()
	w := worker{engine: e}
	assert.Nil(t, w.carry(head), "the next of the lane")
}
