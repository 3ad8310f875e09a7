package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// How updates are delivered to the handler.
var deliveryCases = []doorCase{
	{"every recorded update arrives byte for byte", anyDoor, recordedUpdates},
	{"an update of an unknown kind arrives with all its fields", anyDoor, unknownKind},
	{"an update that is not UTF-8 arrives byte for byte", listening, invalidUTF8},
	{"an update stays intact long after its answer", anyDoor, intact},
	{"an update sent twice runs once and is answered 200 twice", anyDoor, twice},
	{"an update sent twice at once runs once and is answered 200 twice", anyDoor, twiceAtOnce},
	{"a failed update is answered 500 and its redelivery runs it again", anyDoor, failure},
	{"an older update runs after a newer one", anyDoor, olderUpdate},
	{"a chat's updates run in order while another chat's update runs", anyDoor, lanes},
	{"a webhook that is full answers 503 and loses nothing", anyDoor, full},
	{"a panic is answered 500 and the chat's next update runs", anyDoor, panics},
	{"a handler that panics with http.ErrAbortHandler is not answered 200", anyDoor, aborts},
	{"the last attempt makes a dead letter and is answered 200", anyDoor, deadLetter},
	{"a dead letter that fails is answered 500 and is retried without a run", anyDoor, deadLetterFails},
	{"a webhook that shuts down answers running updates and refuses others", anyDoor, shutdown},
	{"a handler keeps running when its client goes away", listening, clientGone},
}

func recordedUpdates(c *trial) {
	var mu sync.Mutex
	seen := map[int64]string{}
	k := c.mount(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		mu.Lock()
		seen[u.ID] = string(u.Raw)
		mu.Unlock()
		return naming(ctx, u)
	})
	for name, body := range Updates() {
		u, err := tghook.ParseUpdate(body)
		if err != nil {
			k.Fatalf("%s: %v", name, err)
		}
		k.same("the answer to "+name, k.post(string(body)), namedAnswer(u.ID))
		mu.Lock()
		k.same(name, seen[u.ID], string(body))
		mu.Unlock()
	}
}

// arriving delivers an update and checks that the handler gets the same bytes.
func arriving(c *trial, body string) {
	c.Helper()
	seen := make(chan string, 1)
	k := c.mount(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		seen <- string(u.Raw)
		return naming(ctx, u)
	})
	k.answers(body, namedAnswer(1))
	k.same("the update", await(c, seen, "the handler"), body)
}

func unknownKind(c *trial) {
	arriving(c, "{\"update_id\":1,\n\"a_kind_to_come\":{\"chat\":{\"id\":7},\"new\":[1e3,null,\"\\u00e9\"]},\"and\":\"more\"}")
}

// Telegram passes on the data of a button unchanged.
func invalidUTF8(c *trial) {
	arriving(c, "{\"update_id\":1,\n\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":1},\"data\":\"\xff\xfe\x80\"}}")
}

// A server uses its read buffers again for later requests.
func intact(c *trial) {
	const late, rounds, atOnce = 4, 6, 32
	body := func(id int64) string { // all have the same length, and no two are equal
		return textUpdate(id, 1e6+id, strings.Repeat(string(rune('a'+id%26)), 2000))
	}
	c.generous(lateAfter, func(after time.Duration) string {
		g := newGate()
		var mu sync.Mutex
		kept := map[int64]*tghook.Update{}
		k := c.mount(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			mu.Lock()
			kept[u.ID] = u
			mu.Unlock()
			if u.ID <= late {
				<-g.opened // this handler ignores its context
			}
			return tghook.NoReply, nil
		}, func(cfg *tghook.Config) {
			cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
				if u.ID <= late {
					return after, tghook.LateRetry
				}
				return 0, tghook.LateDefault
			}
		})
		k.Cleanup(g.open)
		post := func(first, n int64, want ...string) {
			var posts sync.WaitGroup
			defer posts.Wait()
			for id := first; id < first+n; id++ {
				posts.Go(func() {
					if got := k.post(body(id)); !slices.Contains(want, got) {
						k.Errorf("the answer to update %d: got %s, want one of %q", id, short(got), want)
					}
				})
			}
		}
		post(1, late, "503 after 2", "503") // an ephemeral door answers 503 without Retry-After
		mu.Lock()
		started := len(kept)
		mu.Unlock()
		if started < late {
			return notStarted
		}
		for round := range int64(rounds) {
			post(100+round*atOnce, atOnce, "200")
		}
		mu.Lock()
		defer mu.Unlock()
		if len(kept) != late+rounds*atOnce {
			k.Errorf("the handler got %d updates, want %d", len(kept), late+rounds*atOnce)
		}
		changed := 0
		for id, u := range kept {
			if string(u.Raw) == body(id) {
				continue
			}
			if changed++; changed == 1 {
				k.same(fmt.Sprintf("update %d", id), string(u.Raw), body(id))
			}
		}
		if changed > 0 {
			k.Errorf("%d of %d updates changed after the handler got them", changed, len(kept))
		}
		return ""
	})
}

func twice(c *trial) {
	k := c.mount(nothing)
	for range 2 {
		k.answers(textUpdate(1, 1, "hi"), "200")
	}
	k.ran(1)
}

func twiceAtOnce(c *trial) {
	g, again := newGate(), make(arrivals, 16)
	k := c.mount(func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) { return hello, g.pass(ctx) }, c.noted(again))
	update := textUpdate(1, 1, "hi")
	first := k.send(update)
	await(c, g.entered, "the handler to start")
	second := k.send(update)
	await(c, again, "the redelivery to arrive")
	g.open()
	answers := []string{await(c, first, "the first answer"), await(c, second, "the second answer")}
	carried := 0
	for _, answer := range answers {
		switch answer {
		case helloAnswer:
			carried++
		case "200":
		default:
			k.Errorf("one of the two answers is %s, want 200 with the reply or with an empty body", short(answer))
		}
	}
	if carried == 0 {
		k.Errorf("neither of the two answers carries the reply")
	}
	k.ran(1)
}

func failure(c *trial) {
	failures := make(chan error, 1)
	failures <- errBroken
	k := c.mount(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		select {
		case err := <-failures:
			return tghook.NoReply, err
		default:
			return hello, nil
		}
	})
	for i, want := range []string{"500", helloAnswer} {
		k.answers(textUpdate(1, 1, "hi"), want)
		if v := k.observed(); v.Attempt != i+1 {
			k.Errorf("delivery %d: Observe got attempt %d, want %d", i+1, v.Attempt, i+1)
		}
	}
	k.answers(textUpdate(1, 1, "hi"), helloAnswer)
	k.ran(1, 1)
}

func olderUpdate(c *trial) {
	k := c.mount(naming)
	for _, id := range []int64{20, 10, 15} {
		k.answers(textUpdate(id, 1, "hi"), namedAnswer(id))
	}
	k.ran(20, 10, 15)
}

// holding is naming, but holds update 1 at the gate.
func holding(g *gate) tghook.HandlerFunc {
	return func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1 {
			if err := g.pass(ctx); err != nil {
				return tghook.NoReply, err
			}
		}
		return naming(ctx, u)
	}
}

func lanes(c *trial) {
	g, again := newGate(), make(arrivals, 16)
	k := c.mount(holding(g), c.noted(again))
	first := k.send(textUpdate(1, 1, "hi"))
	await(c, g.entered, "the chat's first update to start")
	second := k.send(textUpdate(2, 1, "hi"))
	await(c, again, "the chat's second update to arrive")
	k.same("the answer to another chat's update", await(c, k.send(textUpdate(3, 3, "hi")), "the answer to another chat's update"), namedAnswer(3))
	k.ran(1, 3)
	g.open()
	k.same("the first answer", await(c, first, "the first answer"), namedAnswer(1))
	k.same("the second answer", await(c, second, "the second answer"), namedAnswer(2))
	k.ran(1, 3, 2)
}

// turnedAway matches the answer to an update that did not run. Its Retry-After has jitter.
var turnedAway = regexp.MustCompile(`^503 after [2-5]$`)

func full(c *trial) {
	g := newGate()
	k := c.mount(holding(g), func(cfg *tghook.Config) { cfg.Dispatch.MaxInFlight = 1 })
	first := k.send(textUpdate(1, 1, "hi"))
	await(c, g.entered, "the first update to start")
	if got := await(c, k.send(textUpdate(2, 2, "hi")), "the answer to an update beyond MaxInFlight"); !turnedAway.MatchString(got) {
		k.Errorf("the answer to an update beyond MaxInFlight: got %s, want 503 after 2 to 5 seconds", short(got))
	}
	k.ran(1)
	g.open()
	k.same("the first answer", await(c, first, "the first answer"), namedAnswer(1))
	k.answers(textUpdate(2, 2, "hi"), namedAnswer(2))
	k.ran(1, 2)
}

// panicking is naming, but panics for update 1.
func panicking(value any) tghook.HandlerFunc {
	return func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1 {
			panic(value)
		}
		return naming(ctx, u)
	}
}

func panics(c *trial) {
	k := c.mount(panicking("oops"))
	k.answers(textUpdate(1, 1, "hi"), "500")
	var panicked *tghook.PanicError
	if v := k.observed(); !errors.As(v.Err, &panicked) || v.Status != http.StatusInternalServerError || len(panicked.Stack) == 0 {
		k.Errorf("Observe got %+v, want a *PanicError with a stack, and status 500", v)
	}
	k.answers(textUpdate(2, 1, "hi"), namedAnswer(2))
	k.ran(1, 2)
}

// The door answers 500, or the server drops the connection, which a proxy turns into 502.
func aborts(c *trial) {
	k := c.mount(panicking(http.ErrAbortHandler))
	if got := k.post(textUpdate(1, 1, "hi")); !strings.HasPrefix(got, "50") && !strings.HasPrefix(got, noAnswer) {
		k.Errorf("the answer: got %s, want 500, 502 or none", short(got))
	}
	k.answers(textUpdate(2, 1, "hi"), namedAnswer(2))
	k.ran(1, 2)
}

func deadLetter(c *trial) {
	k := c.mount(replying(tghook.NoReply, errBroken), func(cfg *tghook.Config) { cfg.Dispatch.MaxAttempts = 2 })
	for _, want := range []string{"500", "200", "200"} {
		k.answers(textUpdate(1, 1, "hi"), want)
	}
	k.ran(1, 1)
	k.buried(1)
}

func deadLetterFails(c *trial) {
	failures := make(chan error, 1)
	failures <- errBroken
	k := c.mount(replying(tghook.NoReply, tghook.Drop(errBroken)), func(cfg *tghook.Config) {
		bury := cfg.Dispatch.DeadLetter
		cfg.Dispatch.DeadLetter = func(ctx context.Context, u *tghook.Update, err error) error {
			select {
			case failure := <-failures:
				return failure
			default:
				return bury(ctx, u, err)
			}
		}
	})
	for _, want := range []string{"500", "200", "200"} {
		k.answers(textUpdate(1, 1, "hi"), want)
	}
	k.ran(1)
	k.buried(1)
}

func shutdown(c *trial) {
	g := newGate()
	k := c.mount(holding(g))
	first := k.send(textUpdate(1, 1, "hi"))
	await(c, g.entered, "the handler to start")
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(k.Context(), k.patience)
	defer cancel()
	go func() { ended <- k.webhook.Shutdown(ctx) }()
	for id := int64(2); ; id++ { // until Shutdown has begun
		answer := k.post(textUpdate(id, id, "hi"))
		if turnedAway.MatchString(answer) {
			break
		}
		if answer != namedAnswer(id) || ctx.Err() != nil {
			k.Fatalf("the answer to a new update during Shutdown: got %s, want 503 after 2 to 5 seconds", short(answer))
		}
	}
	g.open()
	k.same("the answer to the running update", await(c, first, "the answer to the running update"), namedAnswer(1))
	if err := await(c, ended, "the end of Shutdown"); err != nil {
		k.Errorf("Shutdown returned %v, want nil", err)
	}
	k.same("the answer to a redelivery", k.post(textUpdate(1, 1, "hi")), namedAnswer(1))
}

func clientGone(c *trial) {
	g, again := newGate(), make(arrivals, 16)
	k := c.mount(holding(g), c.noted(again))
	update := textUpdate(1, 1, "hi")
	w := k.dial()
	w.send(k.raw(update))
	await(c, g.entered, "the handler to start")
	_ = w.conn.Close()
	for id := int64(2); id < 12; id++ { // the door has time to notice
		k.answers(textUpdate(id, id, "hi"), namedAnswer(id))
	}
	second := k.send(update)
	await(c, again, "the redelivery to arrive")
	g.open()
	k.same("the answer to the redelivery", await(c, second, "the answer to the redelivery"), namedAnswer(1))
	k.ran(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
}
