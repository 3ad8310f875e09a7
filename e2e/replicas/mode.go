package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/backends/tgsqlite"
	"github.com/tghook/tghook/internal/test/engine"
)

// The modes: the ways in which updates come in, and the Stores that receivers share.
const (
	byWebhook  = "webhook" // to one receiver, without a Store
	byPoll     = "poll"    // by one receiver, without a Store
	byRedis    = "redis"   // by webhook to two receivers with a Store, like all that follow
	byPostgres = "postgres"
	bySQLite   = "sqlite"
)

var (
	modeNames   = append([]string{byWebhook, byPoll}, storeNames...)
	storeNames  = append([]string{bySQLite}, serverNames...) // of the modes with a Store
	serverNames = []string{byRedis, byPostgres}              // of those whose Store has a server
)

// mode is what a mode needs. Without a Store it is empty.
type mode struct {
	// serve starts the Store's server, with its files in a folder. If nil, the Store is a
	// file.
	serve func(ctx context.Context, dir string) (*engine.Server, error)
	// open opens the Store in a receiver, by the server's URL or the file's path. end closes
	// it.
	open func(ctx context.Context, address string) (store tghook.Store, end func(), err error)
}

var modes = map[string]mode{
	byWebhook:  {},
	byPoll:     {},
	bySQLite:   {nil, openSQLite},
	byRedis:    {serveRedis, openRedis},
	byPostgres: {servePostgres, openPostgres},
}

func openSQLite(_ context.Context, path string) (tghook.Store, func(), error) {
	store, err := tgsqlite.Open(path, tgsqlite.Config{})
	return store, func() { _ = store.Close() }, err
}

// serveRedis starts a Redis that loses no answered write when it is killed.
func serveRedis(ctx context.Context, dir string) (*engine.Server, error) {
	return engine.StartRedis(ctx, dir, engine.RedisConfig{Fsync: "always"})
}

func openRedis(_ context.Context, address string) (tghook.Store, func(), error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, nil, err
	}
	options.ContextTimeoutEnabled = true // as the package documentation says
	client := redis.NewClient(options)
	store, err := tgredis.New(client, tgredis.Config{})
	return store, func() { _ = client.Close() }, err
}

// servePostgres starts a PostgreSQL and makes the tables.
func servePostgres(ctx context.Context, dir string) (*engine.Server, error) {
	server, err := engine.StartPostgres(ctx, dir, engine.PostgresConfig{})
	if err != nil {
		return nil, err
	}
	store, end, err := openTables(ctx, server.URL)
	if err == nil {
		err = store.Migrate(ctx)
		end()
	}
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

func openPostgres(ctx context.Context, address string) (tghook.Store, func(), error) {
	return openTables(ctx, address)
}

func openTables(ctx context.Context, address string) (*tgpostgres.Store, func(), error) {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	store, err := tgpostgres.New(pool, tgpostgres.Config{})
	return store, pool.Close, err
}
