package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
	"github.com/tghook/tghook/tghooktest"
)

// site is a simulated Telegram, the receivers of its bot behind one address, and their Store.
type site struct {
	settings // of the receivers

	tg     *tghooktest.Server
	front  *fleet.Front
	ledger *ledger
	server *engine.Server // of the Store; nil: it has none
	shared bool           // others use the server too
	once   sync.Once      // sets the webhook
	dir    string
	cancel context.CancelFunc
}

// newSite sets a site up. It starts the server of the Store, unless it gets
// one. The caller must close the site when all receivers have ended.
func newSite(ctx context.Context, mode string, seed uint64, lease time.Duration, running *engine.Server) (s *site, err error) {
	if modes[mode].open == nil {
		lease = 0
	}
	s = &site{settings: settings{Mode: mode, Lease: lease, LateAfter: 100 * time.Millisecond, Polls: mode == byPoll}, server: running, shared: running != nil}
	ctx, s.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "replicas-"); err != nil {
		return s, err
	}
	if s.ledger, err = newLedger(lease); err != nil {
		return s, err
	}
	if s.tg, err = tghooktest.Start(tghooktest.ServerConfig{Speed: speed, Seed: seed, Warn: func(string) {}}); err != nil {
		return s, err
	}
	s.tg.OnCall(s.noteReply)
	s.Token, s.API = s.tg.Token, s.tg.URL
	if s.front, err = fleet.NewFront(ctx, 2); err != nil {
		return s, err
	}
	return s, s.serve(ctx)
}

// serve sees to it that the Store is there.
func (s *site) serve(ctx context.Context) (err error) {
	s.Store = filepath.Join(s.dir, "bot.db")
	if start := modes[s.Mode].serve; start != nil && s.server == nil {
		s.server, err = start(ctx, s.dir)
	}
	if s.server != nil {
		s.Store = s.server.URL
	}
	return err
}

func (s *site) setWebhook(ctx context.Context) error {
	client, err := tghook.NewClient(s.tg.Token, tghook.ClientConfig{BaseURL: s.tg.URL, Local: true})
	if err != nil {
		return err
	}
	return client.SetWebhook(ctx, tghook.WebhookRequest{URL: s.front.URL(), SecretToken: secret})
}

// noteReply notes what a reply says in the ledger.
func (s *site) noteReply(c tghooktest.Call) tghooktest.CallFault {
	var update int64
	var life int
	if _, err := fmt.Sscan(c.Params["text"], &update, &life); err == nil {
		s.ledger.reply(update, life)
	}
	return tghooktest.CallFault{}
}

// start starts a receiver, at a place behind the front. The first one sets the webhook.
func (s *site) start(ctx context.Context, place int) (*process, error) {
	p, err := start(ctx, s.settings, s.ledger)
	if err != nil || s.Polls {
		return p, err
	}
	s.front.Put(place, p.Address)
	s.once.Do(func() { err = s.setWebhook(ctx) })
	return p, err
}

// killStore kills the server of the Store.
func (s *site) killStore() {
	s.ledger.count(func(c *counts) { c.away++ })
	s.server.Kill()
}

// close ends all but the receivers.
func (s *site) close() (err error) {
	if s.front != nil {
		s.front.Close()
	}
	if s.tg != nil {
		s.tg.Close() // it ends the connections
	}
	s.cancel()
	if s.server != nil && !s.shared {
		err = s.server.Close()
	}
	if s.ledger != nil {
		s.ledger.close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
