package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// Updates that are answered before their handler has finished.
var lateCases = []doorCase{
	{"a late update is answered 503 and its redelivery joins the run", lasting, lateRetry},
	{"a late update with LateAck is answered 200 and its chat's next update waits", lasting, lateAck},
	{"a late update with LateCancel cancels its handler and its redelivery runs it again", anyDoor, cancelling(tghook.LateCancel)},
	{"a late update with LateRetry cancels its handler on an ephemeral door", ephemeral, cancelling(tghook.LateRetry)},
	{"a late update with LateAck cancels its handler and is answered 503 on an ephemeral door", ephemeral, cancelling(tghook.LateAck)},
}

func lateRetry(c *trial) {
	g, again := newGate(), make(arrivals, 16)
	k := c.mount(holding(g), c.late(lateAfter, again, tghook.LateRetry))
	update := textUpdate(1, 1, "hi")
	k.answers(update, "503 after 2")
	second := k.send(update)
	await(c, again, "the redelivery to arrive")
	g.open()
	k.same("the answer to the redelivery", await(c, second, "the answer to the redelivery"), namedAnswer(1))
	k.answers(update, namedAnswer(1))
	k.ran(1)
}

func lateAck(c *trial) {
	g, again := newGate(), make(arrivals, 16)
	k := c.mount(holding(g), c.late(lateAfter, again, tghook.LateAck))
	k.answers(textUpdate(1, 1, "hi"), "200")
	await(c, g.entered, "the handler to start")
	second := k.send(textUpdate(2, 1, "hi"))
	await(c, again, "the chat's next update to arrive")
	k.answers(textUpdate(3, 3, "hi"), namedAnswer(3))
	k.ran(1, 3)
	g.open()
	k.same("the late reply", await(c, k.calls, "the call of the late reply"), `sendMessage{"text":1}`)
	k.same("the answer to the chat's next update", await(c, second, "the answer to the chat's next update"), namedAnswer(2))
	k.ran(1, 3, 2)
}

// cancelling returns a case in which a late update's handler is cancelled, by the policy or
// because the door is ephemeral.
func cancelling(policy tghook.LatePolicy) func(*trial) {
	return func(c *trial) {
		c.generous(lateAfter, func(after time.Duration) string {
			g, again := newGate(), make(arrivals, 16)
			causes := make(chan error, 16)
			k := c.mount(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				err := g.pass(ctx)
				causes <- err
				if err != nil {
					return tghook.NoReply, err
				}
				return naming(ctx, u)
			}, c.late(after, again, policy))
			update := textUpdate(1, 1, "hi")
			if got := k.post(update); got != "503" { // without Retry-After, so that Telegram backs off
				k.Fatalf("the answer to the late update: got %s, want 503", short(got))
			}
			if !k.endedLate(causes) {
				return notStarted
			}
			g.open()
			k.answers(update, namedAnswer(1))
			k.ran(1, 1)
			select {
			case call := <-k.calls:
				k.Errorf("the webhook called %s after the answer, when an ephemeral door is frozen", call)
			default:
			}
			return ""
		})
	}
}

// endedLate checks that the handler was cancelled because it was late. It returns false if
// the handler had not started.
func (k *hook) endedLate(causes <-chan error) bool {
	k.Helper()
	k.mu.Lock()
	started := len(k.runs) > 0
	k.mu.Unlock()
	if !started {
		return false
	}
	if cause := await(k.trial, causes, "the end of the handler's context"); !errors.Is(cause, tghook.ErrLate) {
		k.Errorf("the cause of the end of the handler's context: got %v, want ErrLate", cause)
	}
	return true
}

const notStarted = "no handler started before its update was late; the machine may be too busy"

func platformDeadline(c *trial) {
	c.generous(2*time.Second, func(left time.Duration) string {
		causes := make(chan error, 1)
		k := c.mount(func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			err := newGate().pass(ctx)
			causes <- err
			return tghook.NoReply, err
		}, func(cfg *tghook.Config) { cfg.LateAfter = time.Hour })
		ctx, cancel := context.WithTimeout(k.Context(), left)
		defer cancel()
		res, err := k.exchange(ctx, strings.NewReader(textUpdate(1, 1, "hi")))
		if ctx.Err() != nil {
			return fmt.Sprintf("with %v until the platform's deadline: got %s (error: %v), want 503 before the deadline", left, short(res.String()), err)
		}
		if err != nil {
			k.Fatalf("the door did not answer: %v", err)
		}
		k.same("the answer", res.String(), "503")
		if !k.endedLate(causes) {
			return notStarted
		}
		return ""
	})
}
