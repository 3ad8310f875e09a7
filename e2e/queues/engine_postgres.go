package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/engine"
)

// effectsTable has a row for each update whose handler has written in its transaction. n is how
// often it has.
const effectsTable = `
CREATE TABLE effects (
	seq bigserial, bot bigint, update_id bigint, chat bigint, n int NOT NULL, PRIMARY KEY (bot, update_id)
)`

// servePostgres starts a PostgreSQL and makes the tables.
func servePostgres(ctx context.Context, dir string) (*engine.Server, error) {
	server, err := engine.StartPostgres(ctx, dir, engine.PostgresConfig{Args: []string{"-c", "max_connections=200"}})
	if err != nil {
		return nil, err
	}
	if err := makeTables(ctx, server.URL); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

func makeTables(ctx context.Context, address string) error {
	pool, queue, err := openPool(ctx, address)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, effectsTable)
	return errors.Join(err, queue.Migrate(ctx))
}

func openPool(ctx context.Context, address string) (*pgxpool.Pool, *tgpostgres.Queue, error) {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	queue, err := tgpostgres.NewQueue(pool, tgpostgres.Config{})
	return pool, queue, err
}

func openPostgres(ctx context.Context, address string) (opened, error) {
	pool, queue, err := openPool(ctx, address)
	return opened{Queue: queue, Letters: queue, close: pool.Close}, err
}

// openPostgresTx opens a queue whose handlers write in the transactions of their updates.
func openPostgresTx(ctx context.Context, address string) (opened, error) {
	pool, queue, err := openPool(ctx, address)
	return opened{
		Queue: queue, Letters: queue, close: pool.Close,
		write:   writeEffect,
		effects: func(ctx context.Context) (*effects, error) { return readEffects(ctx, pool) },
	}, err
}

// writeEffect counts an update in the transaction that completes it.
func writeEffect(ctx context.Context, u *tghook.Update) error {
	tx, err := tgpostgres.Tx(ctx)
	if err != nil {
		return err
	}
	queued, _ := tghook.QueuedFromContext(ctx)
	_, err = tx.Exec(ctx, `
		INSERT INTO effects (bot, update_id, chat, n) VALUES ($1, $2, $3, 1)
		ON CONFLICT (bot, update_id) DO UPDATE SET n = effects.n + 1`, queued.Key.Bot, u.ID, u.ChatID)
	return err
}

// readEffects reads how often each update was counted, and in which order.
func readEffects(ctx context.Context, pool *pgxpool.Pool) (*effects, error) {
	var e effects
	err := pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE n = 1), count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE update_id < before)
		FROM (SELECT n, update_id, lag(update_id) OVER (PARTITION BY chat ORDER BY seq) AS before FROM effects) AS ordered`,
	).Scan(&e.once, &e.more, &e.disordered)
	return &e, err
}
