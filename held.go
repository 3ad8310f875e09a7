package tghook

import (
	"context"
	"errors"

	"github.com/tghook/tghook/internal/guard"
)

// held is a call that a ReplyTransport has answered and not made yet.
type held struct {
	client *Client // by which it is made where nothing carries it
	method string
	body   payload
}

// outbox is where the calls pass that a handler makes by a ReplyTransport. It is
// made for the first of them. Whose turn it is guards the rest.
type outbox struct {
	turn   chan struct{}
	last   *held // it may ride
	closed bool  // the handler has returned
}

func (o *outbox) done() { <-o.turn }

// runKey finds the handlerContext of a handler that runs for a bot. The bot is in
// the key so that what runs for another is looked through.
type runKey struct{ bot int64 }

// runFor is the run that ctx belongs to; nil if there is none for bot.
func runFor(ctx context.Context, bot int64) *handlerContext {
	c, _ := ctx.Value(runKey{bot}).(*handlerContext)
	return c
}

// opened is the outbox of c. It is nil if the handler that c was made for has
// returned, and for what else of the user's code has such a ctx.
func (c *handlerContext) opened() *outbox {
	c.dispatcher.mu.Lock()
	defer c.dispatcher.mu.Unlock()
	if c.record.user != c || c.record.state != running {
		return nil
	}
	if c.outbox == nil {
		c.outbox = &outbox{turn: make(chan struct{}, 1)}
	}
	return c.outbox
}

// mayRide reports whether somebody waits whose answer can carry a reply.
func (c *handlerContext) mayRide() bool {
	c.dispatcher.mu.Lock()
	defer c.dispatcher.mu.Unlock()
	carrier := c.record.carrier()
	return carrier != nil && !carrier.mute && !c.dispatcher.cfg.AlwaysCall
}

// pass is called when a call is about to leave: what was held goes before it.
// It reports whether call, if there is one, is held instead. A call whose ctx has
// ended, maybe while it waited here, is the transport's to refuse.
func (c *handlerContext) pass(ctx context.Context, call *held) (kept bool) {
	o := c.opened()
	if o == nil || ctx.Err() != nil {
		return false
	}
	for {
		select {
		case o.turn <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		if o.last == nil {
			break
		}
		go func() { // it ends before the run does, and may outlast ctx
			defer o.done()
			c.sendLast(o)
		}()
	}
	defer o.done()
	if call == nil || o.closed || !c.mayRide() {
		return false
	}
	o.last = call
	return true
}

// sendLast makes the call that is held, if any. It is the turn of whoever calls.
func (c *handlerContext) sendLast(o *outbox) {
	call := o.last
	if call == nil {
		return
	}
	o.last = nil
	d := c.dispatcher
	released := context.WithValue(c, runKey{d.cfg.Bot}, nil) // for a Base that would hold it again
	ctx, cancel := context.WithCancel(context.WithoutCancel(released))
	defer cancel()
	defer context.AfterFunc(d.calls, cancel)()
	err := guard.ErrGoexit // Base may end the goroutine
	defer func() {
		if err != nil { // Observe may end the goroutine, which is the worker's
			lost := Delivery{Update: c.update, Outcome: OutcomeCallLost, Attempt: c.record.attempt, Err: err}
			told := make(chan struct{})
			go func() {
				defer close(told)
				d.observe(c, lost)
			}()
			<-told
		}
	}()
	err = call.call().send(ctx)
}

// answeredLate makes the call that is held by the handler of r, for its delivery
// has been answered without it. The mutex is held.
func (r *record) answeredLate() {
	c := r.user
	if c == nil || c.outbox == nil {
		return
	}
	o := c.outbox
	go func() {
		o.turn <- struct{}{}
		defer o.done()
		if c.record.late.Load() { // else a redelivery has come that can carry it
			c.sendLast(o)
		}
	}()
}

// close makes what is held the reply of the run that has ended with res. A failure
// discards it, as a lost claim does, and a Reply of the handler's own follows it.
func (c *handlerContext) close(res *result) {
	o := c.outbox
	o.turn <- struct{}{}
	defer o.done()
	o.closed = true
	switch {
	case o.last == nil || res.err != nil || errors.Is(context.Cause(c), ErrClaimLost):
	case len(res.reply) == 0:
		res.reply, res.rides, res.held = o.last.body, true, o.last
	default:
		c.sendLast(o)
	}
	o.last = nil
}
