package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
	"github.com/tghook/tghook/tghooktest"
)

// kind is what a trial needs to know of an engine.
type kind struct {
	gateways int // that work side by side
	victims  []victim
}

// The engines of the gateway's storage.
const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

var (
	engineNames = []string{sqlite, postgres}
	engines     = map[string]kind{
		sqlite:   {1, []victim{theBot, aGateway}},
		postgres: {2, []victim{theBot, aGateway, theDatabase}},
	}
)

// speed is how much faster time passes for Telegram than for the processes. A retry after a
// minute comes after two seconds, and a message is kept for 48 minutes.
const speed = 30

// site is a simulated Telegram, gateways, a bot, and the database of the gateways.
type site struct {
	dir      string
	tg       *tghooktest.Server
	front    *fleet.Front // passes Telegram's connections to the gateways
	gateways []*gateway
	breaker  *breaker // between the gateways and the bot; nil: nothing is broken on purpose
	server   *engine.Server
	cancel   context.CancelFunc

	bot     *fleet.Process
	its     botSettings
	reports *os.File // that a process of the bot could write
	journal *reader

	ended []error // of gateways that have ended on their own

	mu      sync.Mutex
	given   []int64        // updates that Telegram has given up
	replies map[int64]bool // updates whose webhook reply Telegram got
}

// newSite sets a site up, and starts its processes. The caller must close it.
func newSite(ctx context.Context, t trial) (s *site, err error) {
	s = &site{replies: map[int64]bool{}}
	ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "serve-"); err != nil {
		return s, err
	}
	cfg := tghooktest.ServerConfig{Speed: speed, Seed: t.seed, Warn: func(string) {}, Observe: s.observe}
	if s.tg, err = tghooktest.Start(cfg); err != nil {
		return s, err
	}
	s.tg.OnCall(s.noteReply)
	if err := s.startBot(ctx, t); err != nil {
		return s, err
	}
	if err := s.startGateways(ctx, t); err != nil {
		return s, err
	}
	var hooked []*tghooktest.Server
	if !t.poll {
		hooked = append(hooked, s.tg)
	}
	for _, g := range s.gateways {
		if err := g.ready(ctx, hooked...); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *site) observe(d tghooktest.Delivery) {
	if d.Dropped {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.given = append(s.given, d.UpdateID)
	}
}

// noteReply notes the update that a webhook reply names.
func (s *site) noteReply(c tghooktest.Call) tghooktest.CallFault {
	if update, err := strconv.ParseInt(c.Params["text"], 10, 64); err == nil && c.Method == "sendMessage" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.replies[update] = true
	}
	return tghooktest.CallFault{}
}

// heard returns the updates whose webhook replies Telegram got, and those that it has given up.
func (s *site) heard() (answered map[int64]bool, given []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.replies), slices.Clone(s.given)
}

// startBot starts the first life of the bot.
func (s *site) startBot(ctx context.Context, t trial) (err error) {
	s.its.Journal = filepath.Join(s.dir, "journal")
	s.journal = newReader(s.its.Journal)
	if s.its.Address, err = freeAddress(ctx); err != nil {
		return err
	}
	if s.reports, err = os.Open(os.DevNull); err != nil {
		return err
	}
	if t.breakage != "" {
		if s.breaker, err = newBreaker(ctx, s.its.Address, breakages[t.breakage]); err != nil {
			return err
		}
	}
	return s.reviveBot(ctx)
}

// reviveBot starts the next life of the bot.
func (s *site) reviveBot(ctx context.Context) (err error) {
	s.its.Life++
	s.bot, err = fleet.Start(ctx, "bot", s.its, s.reports, func() {})
	return err
}

// startGateways starts the gateways, and PostgreSQL if they share one.
func (s *site) startGateways(ctx context.Context, t trial) (err error) {
	many := engines[t.engine].gateways
	storage := object{"path": filepath.Join(s.dir, "storage")}
	env := []string{"BOT_TOKEN=" + s.tg.Token}
	if t.engine == postgres {
		if s.server, err = engine.StartPostgres(ctx, s.dir, engine.PostgresConfig{Args: []string{"-c", "max_connections=200"}}); err != nil {
			return err
		}
		storage = object{"postgres": object{"env": "BOT_DATABASE"}}
		env = append(env, "BOT_DATABASE="+s.server.URL)
	}
	if s.front, err = fleet.NewFront(ctx, many); err != nil {
		return err
	}
	front, err := url.Parse(s.front.URL())
	if err != nil {
		return err
	}
	at, to := "http://"+front.Host, s.its.Address
	if t.poll {
		at = ""
	}
	if s.breaker != nil {
		to = s.breaker.address
	}
	for i := range many {
		g, err := newGateway(ctx, s.dir, fmt.Sprintf("gateway-%d", i), object{
			"url": at, "storage": storage, "api": s.tg.URL,
			// The path tells the bot from which gateway an update comes.
			"bots": object{"shop": object{"token": object{"env": "BOT_TOKEN"}, "to": fmt.Sprintf("http://%s/from/%d", to, i), "max_pending": pendings[0]}},
		}, env...)
		if err != nil {
			return err
		}
		s.gateways = append(s.gateways, g)
		s.front.Put(i, g.listen)
	}
	return nil
}

// strike kills a process, and starts it again at once.
func (s *site) strike(ctx context.Context, k *kill) (err error) {
	k.at = time.Now()
	switch k.what {
	case theBot:
		k.life = s.its.Life
		s.bot.Kill()
		k.gone = time.Now()
		err = s.reviveBot(ctx)
	case aGateway:
		g := s.gateways[k.place]
		g.kill()
		k.gone = time.Now()
		err = g.start()
	case aStop:
		g := s.gateways[k.place]
		err = g.stop()
		k.gone = time.Now()
		err = errors.Join(err, g.start())
	case aReload:
		err = s.gateways[k.place].reload(ctx)
	case theDatabase:
		s.server.Kill()
		k.gone = time.Now()
		err = s.server.Restart(ctx)
	}
	k.back = time.Now()
	return err
}

// idle reports whether no update waits in the gateways' storage, at the last count.
func (s *site) idle(ctx context.Context) bool {
	n, err := s.gateways[0].gauge(ctx, waiting)
	return err == nil && n == 0
}

// reviveGateways starts gateways again that have ended on their own, as systemd does. It notes what
// they have said.
func (s *site) reviveGateways() error {
	for _, g := range s.gateways {
		if err := g.alive(); err != nil {
			if s.ended = append(s.ended, err); len(s.ended) > enough {
				return errors.Join(s.ended...)
			}
			if err := g.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends everything.
func (s *site) close() (err error) {
	for _, g := range s.gateways {
		g.kill()
	}
	if s.bot != nil {
		s.bot.Kill()
	}
	if s.breaker != nil {
		s.breaker.close()
	}
	if s.front != nil {
		s.front.Close()
	}
	if s.tg != nil {
		s.tg.Close()
	}
	s.cancel()
	if s.server != nil {
		err = s.server.Close()
	}
	if s.reports != nil {
		err = errors.Join(err, s.reports.Close())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
