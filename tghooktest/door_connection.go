package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// Cases that need a listener.
var connectionCases = []doorCase{
	{"the very bytes that Telegram sends are accepted", listening, telegramBytes},
	{"an update that arrives in pieces is read whole", listening, pieces},
	{"an update sent in chunks is read whole", listening, chunks},
	{"an update whose body breaks off does not run", listening, brokenBody},
	{"one connection carries many updates and the answer of each", listening, keepAlive},
	{"pipelined updates on one connection are answered in their order", listening, pipeline},
	{"an answer without a body has Content-Length 0 and no Content-Type", listening, bareAnswers},
	{"a reply has its Content-Length and is not chunked", listening, framedReply},
	{"a connection stays open after every kind of answer", listening, openConnection},
	{"after a refused request a connection is closed or ready for the next one", listening, refusedConnection},
	{"an answer at the deadline is written once", listening, deadlineRace},
	{"a request with two lengths cannot hide another request", listening, twoLengths},
}

func endlessBody(c *trial) {
	k := c.mount(naming)
	k.dial() // a connection without a request
	update := textUpdate(1, 1, "hi")
	authentic, stranger := k.dial(), k.dial()
	length := fmt.Sprintf("Content-Length: %d", len(update))
	authentic.send(k.head(doorSecret, length), update[:len(update)/2])
	stranger.send(k.head("x", length))
	for id := int64(2); id < 6; id++ {
		k.answers(textUpdate(id, 1, "hi"), namedAnswer(id))
	}
	for _, w := range []*wire{authentic, stranger} {
		w.expire(k.patience)
		w.refused()
		w.ended()
	}
	k.ran(2, 3, 4, 5)
}

func brokenBody(c *trial) {
	k := c.mount(naming)
	update := textUpdate(1, 1, "hi")
	for _, raw := range []string{k.raw(update), k.rawChunked(update, 50)} {
		w := k.dial()
		w.send(raw[:len(raw)-20])
		w.sendEOF()
		w.refused()
	}
	k.ran()
	k.answers(update, namedAnswer(1))
}

// refused checks that an incomplete request gets an error, or no answer.
func (w *wire) refused() {
	w.Helper()
	res, err := w.receive()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Errorf("the door neither answered nor closed a connection whose body did not come")
	case err == nil && res.status/100 != 4:
		w.Errorf("a request whose body did not come is answered %s, want a 4xx status or a closed connection", short(res.String()))
	}
}

// Telegram sends the query of the webhook's URL too.
func telegramBytes(c *trial) {
	k := c.mount(naming)
	w := k.dial()
	raw := k.raw(textUpdate(1, 1, "hi"))
	w.send(raw)
	k.same("the answer", w.answer(), namedAnswer(1))
	w.send(strings.Replace(k.raw(textUpdate(2, 1, "hi")), " HTTP/1.1", "?bot=1 HTTP/1.1", 1))
	k.same("the answer to one with a query", w.answer(), namedAnswer(2))
	w.finish()
}

func pieces(c *trial) {
	k := c.mount(naming)
	w := k.dial()
	raw := k.raw(sizedUpdate(1, 1, 20<<10))
	head := strings.Index(raw, "\r\n\r\n") + 4
	for _, cut := range [][2]int{{0, 5}, {5, head - 3}, {head - 3, head}, {head, head + 1}, {head + 1, len(raw) - 1}, {len(raw) - 1, len(raw)}} {
		w.send(raw[cut[0]:cut[1]])
	}
	k.same("the answer", w.answer(), namedAnswer(1))
	w.finish()
}

func chunks(c *trial) {
	update := sizedUpdate(1, 1, 5000)
	seen := make(chan string, 1)
	k := c.mount(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		seen <- string(u.Raw)
		return naming(ctx, u)
	})
	w := k.dial()
	w.send(k.rawChunked(update, 333))
	k.same("the answer", w.answer(), namedAnswer(1))
	k.same("the update", await(c, seen, "the handler"), update)
	w.finish()
}

// everyOther is naming, but replies to every other update only.
func everyOther(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.ID%2 == 0 {
		return tghook.NoReply, nil
	}
	return naming(ctx, u)
}

func everyOtherAnswer(id int64) string {
	if id%2 == 0 {
		return "200"
	}
	return namedAnswer(id)
}

func keepAlive(c *trial) {
	k := c.mount(everyOther)
	w := k.dial()
	for id := int64(1); id <= 50; id++ {
		w.send(k.raw(sizedUpdate(id, id, 300+int(id)*97)))
		k.same(fmt.Sprintf("the answer to update %d", id), w.answer(), everyOtherAnswer(id))
	}
	w.finish()
}

func pipeline(c *trial) {
	const n = 5
	k := c.mount(everyOther)
	w := k.dial()
	var all strings.Builder
	for id := int64(1); id <= n; id++ {
		all.WriteString(k.raw(textUpdate(id, id, "hi")))
	}
	w.send(all.String())
	for id := int64(1); id <= n; id++ {
		k.same(fmt.Sprintf("the answer to update %d", id), w.answer(), everyOtherAnswer(id))
	}
	w.finish()
}

// bare returns requests that are answered without a body, with their answers.
func (k *hook) bare() []struct{ raw, want string } {
	good := k.raw(textUpdate(1, 1, "hi"))
	swap := func(old, text string) string { return strings.Replace(good, old, text, 1) }
	return []struct{ raw, want string }{
		{k.raw(textUpdate(2, 2, "hi")), "200"},
		{k.raw(textUpdate(3, 3, "hi")), "500"},
		{k.raw(textUpdate(4, 4, "hi")), "503 after 7"},
		{k.raw(`{"update_id":5}`), "200"},
		{k.raw("hi"), "400"},
		{swap("application/json", "text/plain"), "415"},
		{swap("POST", "PUT"), "405 allow POST"},
		{"GET " + k.path() + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n", "405 allow POST"},
	}
}

// mixed is a handler for the requests of bare.
func mixed(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	switch u.ID {
	case 3:
		return hello, errBroken
	case 4:
		return hello, tghook.RetryAfter(7*time.Second, errBroken)
	}
	return tghook.NoReply, nil
}

func bareAnswers(c *trial) {
	k := c.mount(mixed)
	for _, x := range append(k.bare(), struct{ raw, want string }{strings.Replace(k.raw(textUpdate(1, 1, "hi")), doorSecret, "x", 1), "401"}) {
		w := k.dial()
		w.send(x.raw)
		res, err := w.receive()
		if err != nil || res.String() != x.want || res.length != 0 || res.chunked || res.header.Values("Content-Type") != nil {
			k.Errorf("the answer to %.60q: got %s (error: %v) with Content-Length %d, chunked %v and Content-Type %q; want %s with Content-Length 0, not chunked, and no Content-Type",
				x.raw, short(res.String()), err, res.length, res.chunked, res.header.Values("Content-Type"), x.want)
		}
	}
}

// Telegram reads no body if only the end of the connection ends it.
func framedReply(c *trial) {
	for _, size := range []int{10, 5000, 900 << 10} {
		k := c.mount(replying(tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": strings.Repeat("y", size)}}, nil))
		w := k.dial()
		w.send(k.raw(textUpdate(1, 1, "hi")))
		res, err := w.receive()
		if want := int64(len(`{"method":"sendMessage","text":""}`) + size); err != nil || res.length != want || res.chunked || res.status != http.StatusOK {
			k.Errorf("the answer: got status %d (error: %v) with Content-Length %d, chunked %v; want 200 with Content-Length %d, not chunked", res.status, err, res.length, res.chunked, want)
		}
	}
}

func openConnection(c *trial) {
	k := c.mount(mixed)
	w := k.dial()
	for _, x := range k.bare() {
		w.send(x.raw)
		k.same(fmt.Sprintf("the answer to %.60q", x.raw), w.answer(), x.want)
	}
	w.finish()
}

func refusedConnection(c *trial) {
	k := c.mount(naming)
	good := k.raw(textUpdate(1, 1, "hi"))
	for _, x := range []struct {
		raw    string
		status int
	}{
		{strings.Replace(good, doorSecret, "x", 1), http.StatusUnauthorized},
		{k.raw(sizedUpdate(1, 1, doorMaxBody+1)), http.StatusRequestEntityTooLarge},
		{k.rawChunked(sizedUpdate(1, 1, doorMaxBody+1), 8<<10), http.StatusRequestEntityTooLarge},
	} {
		w := k.dial()
		w.send(x.raw)
		res, err := w.receive()
		if err != nil || res.status != x.status {
			k.Fatalf("the answer: got %s (error: %v), want status %d", short(res.String()), err, x.status)
		}
		if res.close {
			w.ended()
			continue
		}
		w.send(good)
		k.same("the next answer", w.answer(), namedAnswer(1))
	}
}

func deadlineRace(c *trial) {
	const updates, after = 200, time.Millisecond
	k := c.mount(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-time.After(after)
		return naming(ctx, u)
	}, func(cfg *tghook.Config) { cfg.LateAfter = after })
	w := k.dial()
	for id := int64(1); id <= updates; id++ {
		w.send(k.raw(textUpdate(id, id, "hi")))
		if got := w.answer(); got != namedAnswer(id) && !turnedAway.MatchString(got) {
			k.Fatalf("update %d is answered %s, want %q or 503 after 2 to 5 seconds", id, short(got), namedAnswer(id))
		}
	}
	w.finish()
}

// A proxy that counts by the other length could take the second request for the body of the
// first, and then not check its secret.
func twoLengths(c *trial) {
	k := c.mount(nothing)
	first, second := textUpdate(1, 1, "hi"), k.raw(textUpdate(2, 1, "hi"))
	few, many := fmt.Sprintf("Content-Length: %d", len(first)), fmt.Sprintf("Content-Length: %d", len(first+second))
	for _, lengths := range []string{few + "\r\n" + many, many + "\r\n" + few, few + ", " + strconv.Itoa(len(first+second))} {
		w := k.dial()
		w.send(k.head(doorSecret, lengths) + first + second)
		if got := w.answer(); !strings.HasPrefix(got, "400") && !strings.HasPrefix(got, noAnswer) {
			k.Errorf("a request with the lengths %q is answered %s, want 400", lengths, short(got))
		}
		w.ended()
	}
	k.ran()
}
