package tgpostgres_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/docs"
)

// The programs of the package documentation are the rest of this file.
func TestTheProgramsOfTheDocumentationAreThoseThatCompile(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	assert.NotNil(t, shop)
	docs.Programs(t, "main", "shop")
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // postgres://bot:password@db.example/bot
	if err != nil {
		log.Fatal(err)
	}
	store, err := tgpostgres.New(pool, tgpostgres.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil { // makes the tables, if they are missing
		log.Fatal(err)
	}
	hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
		Secret:   os.Getenv("TELEGRAM_SECRET"),
		Dispatch: tghook.DispatchConfig{Bot: 123456789, Store: store}, // the number before the token's colon
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /telegram", hook)
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}

func shop() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := sell(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func sell(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // postgres://bot:password@db.example/bot?pool_max_conns=10
	if err != nil {
		return err
	}
	defer pool.Close()
	queue, err := tgpostgres.NewQueue(pool, tgpostgres.Config{})
	if err != nil {
		return err
	}
	if err := queue.Migrate(ctx); err != nil { // makes the tables, if they are missing
		return err
	}
	token := os.Getenv("TELEGRAM_TOKEN")
	client, err := tghook.NewClient(token, tghook.ClientConfig{})
	if err != nil {
		return err
	}
	dispatch := tghook.DispatchConfig{Bot: client.Bot(), Caller: client}
	publisher, err := tghook.NewPublisher(queue, dispatch)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	consumed := make(chan error, 1)
	go func() {
		defer stop()
		consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(pay), tghook.ConsumeConfig{Dispatch: dispatch})
	}()
	err = tghook.Run(ctx, tghook.Kinds{
		tghook.KindMessage:          publisher,
		tghook.KindPreCheckoutQuery: tghook.HandlerFunc(checkout), // it has ten seconds, so it does not wait in the queue
	}, tghook.RunConfig{
		Token: token,
		URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
	})
	stop()
	return errors.Join(err, <-consumed)
}

func checkout(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	var got struct {
		Query struct {
			ID string `json:"id"`
		} `json:"pre_checkout_query"`
	}
	if err := u.Decode(&got); err != nil {
		return tghook.NoReply, tghook.Drop(err)
	}
	return tghook.Reply{Method: "answerPreCheckoutQuery", Params: map[string]any{
		"pre_checkout_query_id": got.Query.ID, "ok": true,
	}}, nil
}

// pay books a payment. It does not look for doubles: the queue does.
func pay(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	var got struct {
		Message struct {
			Payment *struct {
				Amount int64  `json:"total_amount"`
				Charge string `json:"telegram_payment_charge_id"`
			} `json:"successful_payment"`
		} `json:"message"`
	}
	if err := u.Decode(&got); err != nil {
		return tghook.NoReply, tghook.Drop(err)
	}
	p := got.Message.Payment
	if p == nil {
		return tghook.NoReply, nil
	}
	tx, err := tgpostgres.Tx(ctx)
	if err != nil {
		return tghook.NoReply, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO payments (charge, chat, amount) VALUES ($1, $2, $3)", p.Charge, u.ChatID, p.Amount)
	if err != nil {
		return tghook.NoReply, err
	}
	_, err = tx.Exec(ctx, "UPDATE accounts SET balance = balance + $2 WHERE chat = $1", u.ChatID, p.Amount)
	if err != nil {
		return tghook.NoReply, err
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Thank you! Your balance has changed.",
	}}, nil
}
