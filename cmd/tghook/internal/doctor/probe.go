package doctor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// run makes the probes, one after the other as far as the next one needs the last, then side
// by side.
func (x *exam) run(ctx context.Context) {
	if x.Client != nil {
		x.Progress("asking Telegram for the state of the webhook")
		x.lookOnce(ctx)
		if info, known := x.telegram.last(); known && x.URL == "" {
			x.URL = info.URL
		}
	}
	jobs := append(x.jobsOfTelegram(), job{"the webhook's answers", x.visit})
	x.aside(ctx, jobs)
}

// job is a probe that runs beside others.
type job struct {
	name string
	run  func(ctx context.Context)
}

func (x *exam) jobsOfTelegram() (jobs []job) {
	info, known := x.telegram.last()
	if !known {
		return nil
	}
	if x.times.looks > 1 {
		jobs = append(jobs, job{fmt.Sprintf("looks at getWebhookInfo for %v", x.times.look*time.Duration(x.times.looks-1)), x.watch})
	}
	if info.URL == "" && !x.Dry {
		jobs = append(jobs, job{"a poll that finds another program that polls", x.poll})
	}
	return jobs
}

const progressEvery = 5 * time.Second

// aside runs jobs side by side, and tells now and then which of them are not done.
func (x *exam) aside(ctx context.Context, jobs []job) {
	done := make(chan string)
	left := make([]string, 0, len(jobs))
	for _, j := range jobs {
		left = append(left, j.name)
		go func() {
			j.run(ctx)
			done <- j.name
		}()
	}
	ticks := time.NewTicker(progressEvery)
	defer ticks.Stop()
	for begin := time.Now(); len(left) > 0; {
		select {
		case name := <-done:
			left = slices.Delete(left, slices.Index(left, name), slices.Index(left, name)+1)
		case <-ticks.C:
			x.Progress(fmt.Sprintf("%3.0f s: waiting for %s", time.Since(begin).Seconds(), strings.Join(left, ", ")))
		}
	}
}

// visit asks the webhook's server.
func (x *exam) visit(ctx context.Context) {
	if x.URL == "" {
		return
	}
	if x.target, x.wrong = parseTarget(x.URL); x.wrong != "" {
		return
	}
	if x.resolveHost(ctx); len(x.reachable()) == 0 {
		return
	}
	x.call(ctx)
	for _, c := range x.contacts {
		if c.err == nil {
			x.talk(ctx, c)
			return
		}
	}
}

func (x *exam) resolveHost(ctx context.Context) {
	if addr, ok := x.target.address(); ok {
		x.found = append(x.found, addr.Unmap())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, x.times.connect)
	defer cancel()
	x.found, x.foundErr = x.resolve(ctx, x.target.host)
	for i := range x.found {
		x.found[i] = x.found[i].Unmap()
	}
}

// talk makes the probes that are requests.
func (x *exam) talk(ctx context.Context, c contact) {
	l, err := x.connect(ctx, c.addr)
	if err != nil {
		x.delivery = answer{asked: "a connection", err: err}
		return
	}
	stop := context.AfterFunc(ctx, l.close) // a deadline would be moved by the next request
	defer stop()
	defer l.close()
	x.delivery = l.exchange(x.target, x.first())
	var idle sync.WaitGroup
	if x.delivery.err == nil && !x.delivery.ends && x.delivery.cut == nil && x.delivery.status >= 200 {
		idle.Go(func() { x.stay(ctx, l) })
	}
	defer idle.Wait()
	if x.Dry || ctx.Err() != nil {
		return
	}
	x.side(ctx, c)
	if x.delivery.ok() {
		x.hurry(ctx, c)
	}
}

// first returns the request that shows most: an update with the secret.
func (x *exam) first() ask {
	switch {
	case x.Dry:
		return ask{asked: "GET", method: http.MethodGet, timeout: x.times.answer}
	case x.Update != nil:
		return ask{asked: "your update", secret: x.Secret, body: x.Update, timeout: x.times.answer}
	case x.Secret != "":
		return x.update(withSecret, x.Secret)
	}
	return x.update(withoutSecret, "")
}

// stay uses the connection a second time, and leaves it idle.
func (x *exam) stay(ctx context.Context, l *line) {
	again := x.update("a second update on the connection", x.Secret)
	if x.Dry {
		again = x.first()
	}
	if x.second = l.exchange(x.target, again); x.second.err != nil || x.second.ends || x.times.idle == 0 {
		return
	}
	x.idled = true
	if kept, closed := l.closes(ctx, x.times.idle); closed {
		x.closed = kept
	}
}

// update returns a request with a harmless update.
func (x *exam) update(asked, secret string) ask {
	return ask{asked: asked, secret: secret, body: x.harmless(0), timeout: x.times.answer}
}

// harmless returns an update of a kind that Telegram does not have, with an id that Telegram
// does not use. It has size bytes, if size is more than it needs.
func (x *exam) harmless(size int) []byte {
	const note = `a probe of tghook doctor; nothing is to be done`
	body := fmt.Sprintf("{\"update_id\":%d,\n\"tghook_doctor\":{\"note\":\"%s\"}}", x.id.Add(1), note)
	const padding = `","padding":"`
	if missing := size - len(body) - len(padding); missing > 0 {
		body = strings.TrimSuffix(body, `"}}`) + padding + strings.Repeat("x", missing) + `"}}`
	}
	return []byte(body)
}

// largest is just below 1 MiB. Telegram's updates have half of that at most.
const largest = 1<<20 - 1

// side makes the requests that are independent of each other.
func (x *exam) side(ctx context.Context, c contact) {
	type probe struct {
		ask
		into *answer
	}
	large := x.update("an update of nearly 1 MiB", x.Secret)
	large.body = x.harmless(largest)
	probes := []probe{{x.update("an update with a wrong secret", wrongSecret()), &x.badSecret}}
	if x.delivery.err == nil {
		probes = append(probes, probe{large, &x.large})
	}
	if x.Secret != "" || x.Update != nil {
		probes = append(probes, probe{x.update(withoutSecret, ""), &x.noSecret})
	} else {
		x.noSecret = x.delivery
	}
	if x.delivery.ok() {
		half := x.update("half of an update", x.Secret)
		half.half = x.times.early
		probes = append(probes, probe{half, &x.half})
	} else {
		plain := x.update("the update as text/plain", x.Secret)
		plain.kind = "text/plain"
		probes = append(probes, probe{plain, &x.plain})
	}
	var all sync.WaitGroup
	for _, p := range probes {
		all.Go(func() { *p.into = x.once(ctx, c, p.ask) })
	}
	all.Wait()
}

func wrongSecret() string {
	return fmt.Sprintf("tghook-doctor-%016x", rand.Uint64()) //nolint:gosec // it need not be hard to guess
}

// once makes a request on a connection of its own.
func (x *exam) once(ctx context.Context, c contact, a ask) answer {
	l, err := x.connect(ctx, c.addr)
	if err != nil {
		return answer{asked: a.asked, err: err}
	}
	defer l.close()
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	return l.exchange(x.target, a)
}

// The requests of hurry. Telegram opens up to 10 connections at once, and sends 20 updates a
// second on connections that are closed each time.
const (
	hurryLines = 8
	hurryEach  = 5
)

// hurry makes many requests at once, from one address, as Telegram does when many chats are
// busy.
func (x *exam) hurry(ctx context.Context, c contact) {
	answers := make([][]answer, hurryLines)
	asks := make([]ask, hurryLines*hurryEach)
	for i := range asks {
		asks[i] = x.update("one of many updates at once", x.Secret)
	}
	var all sync.WaitGroup
	for i := range hurryLines {
		all.Go(func() { answers[i] = x.several(ctx, c, asks[i*hurryEach:(i+1)*hurryEach]) })
	}
	all.Wait()
	x.burst = slices.Concat(answers...)
}

// several makes requests on one connection, and on a new one when that ends.
func (x *exam) several(ctx context.Context, c contact, asks []ask) (answers []answer) {
	var l *line
	for _, a := range asks {
		if l == nil {
			var err error
			if l, err = x.connect(ctx, c.addr); err != nil {
				return append(answers, answer{asked: a.asked, err: err})
			}
			stop := context.AfterFunc(ctx, l.close)
			defer stop()
		}
		got := l.exchange(x.target, a)
		answers = append(answers, got)
		if got.err != nil || got.ends || got.cut != nil {
			l.close()
			l = nil
		}
	}
	if l != nil {
		l.close()
	}
	return answers
}
