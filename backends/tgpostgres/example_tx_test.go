package tgpostgres_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// payments makes the tables of a shop.
const payments = `
DROP TABLE IF EXISTS accounts, payments;
CREATE TABLE accounts (chat bigint PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE payments (charge text, chat bigint NOT NULL, amount bigint NOT NULL);
INSERT INTO accounts VALUES (1, 0)`

// A bot sells credit. The balance and the update are one commit: each payment is booked once,
// whatever crashes. The publisher and Consume may be in different processes.
func ExampleTx() {
	ctx, stop := context.WithCancel(context.Background()) // such as signal.NotifyContext
	defer stop()
	pool, err := pgxpool.New(ctx, shared.URL+"&pool_max_conns=8") // such as "postgres://bot:password@db.example/bot?pool_max_conns=8"
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	queue, err := tgpostgres.NewQueue(pool, tgpostgres.Config{Prefix: "example_tx_"})
	if err != nil {
		panic(err)
	}
	if err := queue.Migrate(ctx); err != nil { // makes the tables, if they are missing
		panic(err)
	}
	if _, err := pool.Exec(ctx, payments); err != nil {
		panic(err)
	}

	cfg := tghook.DispatchConfig{Bot: 7} // the number before the token's colon
	publisher, err := tghook.NewPublisher(queue, cfg)
	if err != nil {
		panic(err)
	}
	hook, err := tghook.New(publisher, tghook.Config{Secret: "my-secret", Dispatch: cfg})
	if err != nil {
		panic(err)
	}
	http.Handle("POST /telegram", hook)
	for range 2 { // Telegram delivers it twice
		fmt.Println(strings.TrimSpace(post(hook, string(payment(1).Raw))))
	}

	// Caller sends the replies. In your bot it is what tghook.NewClient returns.
	cfg.Caller = callerFunc(func(ctx context.Context, method string, _, _ any) error {
		var balance int
		err := pool.QueryRow(ctx, "SELECT balance FROM accounts").Scan(&balance)
		fmt.Println(method, balance)
		stop()
		return err
	})
	if err := tghook.Consume(ctx, queue, tghook.HandlerFunc(pay), tghook.ConsumeConfig{Dispatch: cfg}); err != nil {
		panic(err)
	}
	// Output:
	// 200
	// 200
	// sendMessage 100
}
