package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
	"github.com/tghook/tghook/tghooktest"
)

const (
	receivers = 3
	workers   = 4
)

// speed is how much faster time passes for Telegram than for the processes. A retry after a
// minute comes after two seconds, and a message is kept for 48 minutes.
const speed = 30

// site is a simulated Telegram, the places of the receivers and the workers, and their
// engine.
type site struct {
	settings // of all processes

	tg     *tghooktest.Server
	client *tghook.Client
	front  *fleet.Front
	ledger *ledger
	server *engine.Server // of the engine; nil if the engine is a file
	queue  opened
	places map[string][]*place
	dir    string
	cancel context.CancelFunc
}

// place is a place for a process.
type place struct {
	*fleet.Process

	life *life // of a worker
	link *link // nil: the engine is a file
}

// newSite sets a site up, and starts its processes. The caller must close it.
func newSite(ctx context.Context, t trial) (s *site, err error) {
	s = &site{settings: settings{Engine: t.engine, Lease: t.lease, Breakage: t.breakage}, places: map[string][]*place{}}
	ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "queues-"); err != nil {
		return s, err
	}
	if s.ledger, err = newLedger(t.lease, t.journal); err != nil {
		return s, err
	}
	if err := s.serve(ctx); err != nil {
		return s, err
	}
	if s.tg, err = tghooktest.Start(tghooktest.ServerConfig{Speed: speed, Seed: t.seed, Warn: func(string) {}}); err != nil {
		return s, err
	}
	s.tg.OnCall(s.noteReply)
	s.Token, s.API = s.tg.Token, s.tg.URL
	if s.client, err = tghook.NewClient(s.tg.Token, tghook.ClientConfig{BaseURL: s.tg.URL, Local: true}); err != nil {
		return s, err
	}
	if s.front, err = fleet.NewFront(ctx, receivers); err != nil {
		return s, err
	}
	if err := errors.Join(s.fill(ctx, receiverRole, receivers), s.fill(ctx, workerRole, workers)); err != nil {
		return s, err
	}
	return s, s.client.SetWebhook(ctx, tghook.WebhookRequest{URL: s.front.URL(), SecretToken: secret})
}

// serve starts the engine.
func (s *site) serve(ctx context.Context) (err error) {
	k := engines[s.Engine]
	s.Address = filepath.Join(s.dir, "bot.db")
	if k.serve != nil {
		if s.server, err = k.serve(ctx, s.dir); err != nil {
			return err
		}
		s.Address = s.server.URL
	}
	s.queue, err = k.open(ctx, s.Address)
	return err
}

// fill starts the processes of a role.
func (s *site) fill(ctx context.Context, role string, n int) error {
	for i := range n {
		p := &place{}
		if s.server != nil {
			var err error
			if p.link, err = newLink(ctx, s.server.Addr); err != nil {
				return err
			}
		}
		s.places[role] = append(s.places[role], p)
		if err := s.start(ctx, role, i); err != nil {
			return err
		}
	}
	return nil
}

// start starts a process at its place.
func (s *site) start(ctx context.Context, role string, i int) (err error) {
	p, its, over := s.places[role][i], s.settings, func() {}
	its.Role = role
	if p.link != nil {
		its.Address = strings.Replace(s.Address, s.server.Addr, p.link.Addr().String(), 1)
	}
	if role == workerRole {
		life := s.ledger.newLife()
		p.life, its.Life, over = life, life.number, func() { s.ledger.over(life) }
	}
	if p.Process, err = fleet.Start(ctx, role, its, s.ledger.pipe, over); err != nil {
		return err
	}
	if role == receiverRole {
		s.front.Put(i, p.Address)
	}
	return nil
}

// noteReply notes the update that a reply names in the ledger.
func (s *site) noteReply(c tghooktest.Call) tghooktest.CallFault {
	if update, err := strconv.ParseInt(c.Params["text"], 10, 64); err == nil {
		s.ledger.reply(update)
	}
	return tghooktest.CallFault{}
}

// alive returns an error if a process has ended on its own.
func (s *site) alive() error {
	for role, places := range s.places {
		for i, p := range places {
			select {
			case <-p.Ended:
				return fmt.Errorf("%s %d has ended on its own: %w", role, i, p.Err())
			default:
			}
		}
	}
	return nil
}

// stop asks all processes to stop, and waits until they have.
func (s *site) stop() (err error) {
	for _, places := range s.places {
		for _, p := range places {
			err = errors.Join(err, p.Stop())
		}
	}
	return err
}

// close ends everything.
func (s *site) close() (err error) {
	for _, places := range s.places {
		for _, p := range places {
			if p.Process != nil {
				p.Kill()
			}
		}
	}
	if s.front != nil {
		s.front.Close()
	}
	if s.tg != nil {
		s.tg.Close()
	}
	for _, places := range s.places {
		for _, p := range places {
			if p.link != nil {
				p.link.end()
			}
		}
	}
	if s.queue.close != nil {
		s.queue.close()
	}
	s.cancel()
	if s.server != nil {
		err = s.server.Close()
	}
	if s.ledger != nil {
		s.ledger.close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
