//go:build unix

package main

import (
	"context"
	"errors"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/backends/tgsqlite"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// way is one of the ways from an update to its handler.
type way struct {
	name   string
	queued bool // the answer does not wait for the handler
	open   func(ctx context.Context, s *site, h tghook.Handler, parallel int) (*opened, error)
}

// ways are the ways to compare. parallel is how many handlers may run at once; zero is the
// default.
var ways = []way{
	{name: "none", open: func(_ context.Context, _ *site, h tghook.Handler, _ int) (*opened, error) {
		return &opened{handler: h, end: func() error { return nil }}, nil
	}},
	{name: "store", open: func(_ context.Context, s *site, h tghook.Handler, _ int) (*opened, error) {
		store, err := tgsqlite.Open(s.file(), tgsqlite.Config{})
		if err != nil {
			return nil, err
		}
		return &opened{handler: h, store: store, end: store.Close}, nil
	}},
	{name: "spool", queued: true, open: func(_ context.Context, s *site, h tghook.Handler, parallel int) (*opened, error) {
		spool, err := tgsqlite.OpenSpool(s.file(), h, tgsqlite.SpoolConfig{
			Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: bot, MaxInFlight: parallel}},
		})
		if err != nil {
			return nil, err
		}
		return &opened{handler: spool, end: func() error { return spool.Shutdown(context.Background()) }}, nil
	}},
	{name: "postgres", queued: true, open: func(ctx context.Context, s *site, h tghook.Handler, parallel int) (*opened, error) {
		pool, schema, err := s.pool(ctx, connections/2)
		if err != nil {
			return nil, err
		}
		queue, err := tgpostgres.NewQueue(pool, tgpostgres.Config{Schema: schema})
		if err == nil {
			err = queue.Migrate(ctx)
		}
		if err != nil {
			pool.Close()
			return nil, err
		}
		o, err := consume(ctx, queue, h, parallel, func() error {
			pool.Close()
			return nil
		})
		if err != nil {
			return nil, err
		}
		o.weigh = func(ctx context.Context) (w weight, err error) {
			err = pool.QueryRow(ctx, "SELECT pg_current_wal_lsn() - '0/0', sum(pg_total_relation_size(c.oid)) FROM pg_class c "+
				"WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace($1)", schema).Scan(&w.logged, &w.kept)
			if err != nil {
				return w, err
			}
			w.cpu, err = s.postgresCPU()
			return w, err
		}
		return o, nil
	}},
	{name: "memory", queued: true, open: func(ctx context.Context, _ *site, h tghook.Handler, parallel int) (*opened, error) {
		return consume(ctx, memqueue.New(), h, parallel, func() error { return nil })
	}},
}

// consume publishes to a queue and handles its updates. closed closes the queue.
func consume(ctx context.Context, q tghook.Queue, h tghook.Handler, parallel int, closed func() error) (*opened, error) {
	publisher, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: bot})
	if err != nil {
		return nil, errors.Join(err, closed())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- tghook.Consume(ctx, q, h, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: bot, MaxInFlight: parallel}})
	}()
	return &opened{handler: publisher, end: func() error {
		stop()
		return errors.Join(<-ended, closed())
	}}, nil
}

// opened is a way that is open.
type opened struct {
	handler tghook.Handler // to mount
	store   tghook.Store
	end     func() error
	weigh   func(ctx context.Context) (weight, error) // nil for none
}

// weight is the use of resources by a database server.
type weight struct {
	kept   int64         // bytes of its tables
	logged int64         // all bytes that were ever written to its log
	cpu    time.Duration // of its processes
}

// running is a bot with a sender of updates.
type running struct {
	work   *work
	sender *sender
	weigh  func(ctx context.Context) (weight, error)
}

// with opens the way with a webhook on the loopback interface, calls f, and ends all.
func (w way) with(ctx context.Context, s *site, work *work, connections, parallel int, f func(b *running) error) (err error) {
	o, err := w.open(ctx, s, work, parallel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.end()) }()
	hook, err := tghook.New(o.handler, tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Bot: bot, Store: o.store}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hook.Shutdown(ctx)) }()
	url, end, err := serve(ctx, hook)
	if err != nil {
		return err
	}
	defer end()
	sender, err := newSender(url, connections)
	if err != nil {
		return err
	}
	defer sender.client.CloseIdleConnections()
	weigh := o.weigh
	if weigh == nil {
		weigh = func(context.Context) (w weight, err error) { return w, nil }
	}
	return f(&running{work, sender, weigh})
}
