package main

import (
	"context"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
)

// kind is what a trial needs to know of an engine.
type kind struct {
	// serve starts the engine's server, with its files in a folder, and makes the tables. If
	// nil, the engine is a file.
	serve func(ctx context.Context, dir string) (*engine.Server, error)
	// open opens the queue in a process, by the server's URL or the file's path.
	open func(ctx context.Context, address string) (opened, error)
	// lock holds the lock of the file until unlock. If nil, the engine is a server.
	lock func(ctx context.Context, path string) (unlock func() error, err error)
}

// opened is an open queue.
type opened struct {
	tghook.Queue
	tghook.Letters

	// write writes the effect of an update in the transaction that completes it. If nil, the
	// handler writes none.
	write func(ctx context.Context, u *tghook.Update) error
	// effects reads them. If nil, there are none.
	effects func(ctx context.Context) (*effects, error)
	close   func()
}

// The engines of the trials.
const (
	sqlite     = "sqlite"
	postgres   = "postgres"
	postgresTx = "postgres-tx" // the handlers write in the transactions of their updates
)

var (
	engineNames = []string{sqlite, postgres, postgresTx}
	engines     = map[string]kind{
		sqlite:     {open: openSQLite, lock: lockSQLite},
		postgres:   {serve: servePostgres, open: openPostgres},
		postgresTx: {serve: servePostgres, open: openPostgresTx},
	}
)
