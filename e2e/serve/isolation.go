package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/tghooktest"
)

// isolation says how it is measured whether bots are safe from other bots of the same gateway.
type isolation struct {
	bots   int           // all, with the three bad ones
	rate   float64       // updates per second of all quiet bots together
	flood  float64       // updates per second of the one that floods
	phases int           // with the bad ones, and as many without them
	lasts  time.Duration // each phase
}

// The names of the bad bots.
const (
	hangs  = "hangs"  // its URL does not answer
	floods = "floods" // it gets many updates
	fails  = "fails"  // its URL answers 500
)

// isolated is the result.
type isolated struct {
	alone, among []time.Duration // from Telegram to the quiet bots, without the bad ones and with them
	flooded      int64           // updates of the one that floods
	refused      int64           // answers to updates of the bad ones that were not 2xx
}

func (r isolated) ratio() float64 {
	return float64(quantile(r.among, 0.99)) / float64(quantile(r.alone, 0.99))
}

func (r isolated) String() string {
	show := func(what string, all []time.Duration) string {
		return fmt.Sprintf("\t%-32s median %s, p99 %s, %d updates\n", what, ms(quantile(all, 0.5)), ms(quantile(all, 0.99)), len(all))
	}
	return show("quiet bots, without the bad ones", r.alone) + show("quiet bots, with them", r.among) +
		fmt.Sprintf("\t%-32s %.2f\n\t%-32s %d updates of the flood, %d refusals\n", "ratio of p99", r.ratio(), "the bad ones", r.flooded, r.refused)
}

// badBots are the URLs of the bad bots. They behave while off is set.
type badBots struct {
	off     atomic.Bool
	mu      sync.Mutex
	release chan struct{} // closed when those that hang may answer
	taken   atomic.Int64  // updates that they have answered 2xx
}

// handle answers for a bad bot. It returns false for a quiet one.
func (b *badBots) handle(w http.ResponseWriter, r *http.Request) bool {
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch name {
	case hangs, floods, fails:
	default:
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	switch {
	case b.off.Load() || name == floods:
	case name == fails:
		http.Error(w, "this bot always fails", http.StatusInternalServerError)
		return true
	default:
		b.mu.Lock()
		release := b.release
		b.mu.Unlock()
		select {
		case <-release:
		case <-r.Context().Done():
			return true
		}
	}
	b.taken.Add(1)
	return true
}

// set says whether they are bad.
func (b *badBots) set(bad bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.off.Store(!bad)
	if bad {
		b.release = make(chan struct{})
	} else if b.release != nil {
		close(b.release)
	}
}

// run measures.
func (i isolation) run(ctx context.Context) (r isolated, err error) {
	dir, err := os.MkdirTemp("", "serve-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bad := &badBots{}
	bot, err := newSink(ctx, bad.handle)
	if err != nil {
		return r, err
	}
	defer bot.server.Close()
	hooks, g, end, err := i.start(ctx, dir, bot.address)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, g.alive(), end()) }()
	bad.set(false)
	quiet, noisy := i.senders(hooks)
	if _, err := bot.round(ctx, quiet, i.rate, warmUp); err != nil {
		return r, err
	}
	for range i.phases {
		alone, err := bot.round(ctx, quiet, i.rate, i.lasts)
		if err != nil {
			return r, err
		}
		among, err := i.disturbed(ctx, bot, bad, quiet, noisy)
		if err != nil {
			return r, err
		}
		r.alone, r.among = append(r.alone, alone...), append(r.among, among...)
	}
	r.flooded = noisy[floods].accepted.Load()
	for _, s := range noisy {
		r.refused += s.refused.Load()
	}
	return r, nil
}

// names returns the names of all bots, the bad ones first.
func (i isolation) names() []string {
	names := []string{hangs, floods, fails}
	for n := len(names); n < i.bots; n++ {
		names = append(names, fmt.Sprintf("quiet-%d", n))
	}
	return names
}

// start starts a gateway for all bots, and returns their webhooks.
func (i isolation) start(ctx context.Context, dir, address string) (hooks map[string]hook, g *gateway, end func() error, err error) {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{NoBot: true, Warn: func(string) {}})
	if err != nil {
		return nil, nil, nil, err
	}
	bots, env := object{}, []string(nil)
	for n, name := range i.names() {
		b, err := tg.AddBot(tghooktest.BotConfig{})
		if err != nil {
			tg.Close()
			return nil, nil, nil, err
		}
		variable := fmt.Sprintf("BOT_TOKEN_%d", n)
		env = append(env, variable+"="+b.Token)
		bots[name] = object{"token": object{"env": variable}, "to": "http://" + address + "/" + name}
	}
	g, err = newGateway(ctx, dir, "gateway", object{"storage": object{"path": filepath.Join(dir, "storage")}, "api": tg.URL, "bots": bots}, env...)
	if err != nil {
		tg.Close()
		return nil, nil, nil, err
	}
	end = func() error { defer tg.Close(); return g.stop() }
	hooks = map[string]hook{}
	err = g.ready(ctx, tg.Bots()...)
	for n, name := range i.names() {
		if err == nil {
			hooks[name], err = hookOf(tg.Bots()[n])
		}
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, end())
	}
	return hooks, g, end, nil
}

// senders returns the sender of the quiet bots' updates, and those of the bad ones by name.
func (i isolation) senders(hooks map[string]hook) (quiet *sender, noisy map[string]*sender) {
	quiet, noisy = &sender{connections: connections}, map[string]*sender{}
	for n, name := range i.names() {
		if n < 3 {
			noisy[name] = &sender{hooks: []hook{hooks[name]}, connections: connections}
		} else {
			quiet.hooks = append(quiet.hooks, hooks[name])
		}
	}
	return quiet, noisy
}

// disturbed measures the quiet bots while the bad ones are bad, and waits until those have
// taken what was left.
func (i isolation) disturbed(ctx context.Context, bot *sink, bad *badBots, quiet *sender, noisy map[string]*sender) (among []time.Duration, err error) {
	bad.set(true)
	sending := make(chan error, len(noisy))
	for name, s := range noisy {
		rate := i.rate / float64(i.bots)
		if name == floods {
			rate = i.flood
		}
		go func() { sending <- s.steady(ctx, max(rate, 10), warmUp+i.lasts) }()
	}
	if err = retry.Sleep(ctx, warmUp); err == nil {
		among, err = bot.round(ctx, quiet, i.rate, i.lasts)
	}
	bad.set(false)
	for range noisy {
		err = errors.Join(err, <-sending)
	}
	if err != nil {
		return nil, err
	}
	sent := int64(0)
	for _, s := range noisy {
		sent += s.accepted.Load()
	}
	for started := time.Now(); bad.taken.Load() < sent; {
		if time.Since(started) > 3*patience {
			return nil, fmt.Errorf("the bad bots are good again, and have taken only %d of %d updates", bad.taken.Load(), sent)
		}
		if err := retry.Sleep(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return among, nil
}
