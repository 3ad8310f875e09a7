package main

import (
	"context"
	"errors"
	"sync"

	"github.com/tghook/tghook/internal/retry"
)

// disturb causes the faults of the plan. It returns when they are over.
func (t trial) disturb(ctx context.Context, s *site) (err error) {
	var healing sync.WaitGroup
	defer healing.Wait()
	for _, f := range t.plan() {
		err := t.await(ctx, s, func() (bool, error) { return s.ledger.count() >= f.after, s.alive() })
		if errors.Is(err, errStuck) {
			return nil // the audit reports missing faults
		}
		if err != nil {
			return err
		}
		if t.tell != nil {
			t.tell(f)
		}
		if err := s.strike(ctx, f, &healing); err != nil {
			return err
		}
	}
	return nil
}

// strike causes a fault. Its goroutines are in healing.
func (s *site) strike(ctx context.Context, f fault, healing *sync.WaitGroup) error {
	switch f.what {
	case killReceiver:
		s.front.Put(f.place, "")
		s.places[receiverRole][f.place].Kill()
		return s.start(ctx, receiverRole, f.place)
	case killWorker:
		p := s.places[workerRole][f.place]
		s.ledger.kill(p.life)
		p.Kill()
		return s.start(ctx, workerRole, f.place)
	case stopWorker:
		if err := s.places[workerRole][f.place].Stop(); err != nil {
			return err
		}
		return s.start(ctx, workerRole, f.place)
	case pauseWorker:
		return s.pause(ctx, f, healing)
	case cutReceiver, cutWorker:
		s.cut(ctx, f, healing)
		return nil
	case killEngine:
		s.server.Kill()
		s.ledger.leave()
		err := retry.Sleep(ctx, f.lasts)
		s.ledger.leave()
		err = errors.Join(err, s.server.Restart(ctx))
		s.ledger.leave()
		return err
	case lockEngine:
		unlock, err := engines[s.Engine].lock(ctx, s.Address)
		if err != nil {
			return err
		}
		s.ledger.leave()
		err = retry.Sleep(ctx, f.lasts)
		s.ledger.leave()
		return errors.Join(err, unlock())
	}
	return nil
}

// pause stops a worker past its lease. If the engine is a file, the worker may hold its lock all
// the time.
func (s *site) pause(ctx context.Context, f fault, healing *sync.WaitGroup) error {
	p := *s.places[workerRole][f.place]
	note := func() { s.ledger.shake(p.life) }
	if s.server == nil {
		note = func() { s.ledger.shake(p.life); s.ledger.leave() }
	}
	if err := p.Pause(); err != nil {
		return err
	}
	note()
	healing.Go(func() {
		_ = retry.Sleep(ctx, f.lasts)
		note()
		_ = p.Resume() // an error says that it was killed
	})
	return nil
}

// cut cuts a process off from the engine.
func (s *site) cut(ctx context.Context, f fault, healing *sync.WaitGroup) {
	role, note := receiverRole, func() {}
	if f.what == cutWorker {
		role = workerRole
		life := s.places[role][f.place].life // a later worker at this place was not cut off
		note = func() { s.ledger.shake(life) }
	}
	p := s.places[role][f.place]
	p.link.cut()
	note()
	healing.Go(func() {
		_ = retry.Sleep(ctx, f.lasts)
		note()
		p.link.heal()
	})
}
