// Package tgpostgres keeps the updates of bots in PostgreSQL. It uses your pool of pgx v5.
// It has two parts, which may share a database:
//
//   - A [Store] is a [tghook.Store], for replicas of one bot: each update runs in only one of
//     them. The program below has one.
//   - A [Queue] is a [tghook.Queue]: Telegram is answered when an update is in the database, and
//     workers handle it later. See "The queue" below, which has another program.
//
// This bot has a Store:
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"net/http"
//		"os"
//
//		"github.com/jackc/pgx/v5/pgxpool"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgpostgres"
//	)
//
//	func main() {
//		ctx := context.Background()
//		pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // postgres://bot:password@db.example/bot
//		if err != nil {
//			log.Fatal(err)
//		}
//		store, err := tgpostgres.New(pool, tgpostgres.Config{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		if err := store.Migrate(ctx); err != nil { // makes the tables, if they are missing
//			log.Fatal(err)
//		}
//		hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
//			Secret:   os.Getenv("TELEGRAM_SECRET"),
//			Dispatch: tghook.DispatchConfig{Bot: 123456789, Store: store}, // the number before the token's colon
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		http.Handle("POST /telegram", hook)
//		log.Fatal(http.ListenAndServe(":8080", nil))
//	}
//
//	func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
//		if u.Kind != tghook.KindMessage {
//			return tghook.NoReply, nil
//		}
//		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
//			"chat_id": u.ChatID, "text": "Hello!",
//		}}, nil
//	}
//
// # The store
//
// Every method of a Store is one statement and one round trip. An update whose handler is quick
// costs two. Three things cost another round trip: a connection prepares a statement before its
// first use, pgx pings a connection that was idle for a second, and one Claim in 256 removes
// expired rows. The clock of PostgreSQL measures all times.
//
// The package uses nothing newer than PostgreSQL 13. Its tests run on PostgreSQL 15.
//
// # The tables
//
// A Store has two: tghook_updates has a row for each update, and tghook_albums one for each chat
// that has items of albums. A Queue has two more: tghook_queue, and tghook_queue_done with its
// three partitions. Config.Schema and Config.Prefix change their names. All bots may
// share them. There are two ways to make them:
//
//   - Store.Migrate or Queue.Migrate makes all tables when the program starts. Replicas may call
//     it concurrently. It needs the right to create tables only if they are missing.
//   - Migration returns the SQL. Run it with the tool that makes your other tables. The file
//     schema.sql of this package is the same SQL with the default names.
//
// The program's user needs only these rights. The second and third are for a Queue:
//
//	GRANT SELECT, INSERT, UPDATE, DELETE ON tghook_updates, tghook_albums TO bot;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON tghook_queue, tghook_queue_done TO bot;
//	GRANT SELECT, TRUNCATE ON tghook_queue_done_0, tghook_queue_done_1, tghook_queue_done_2 TO bot;
//
// A row of tghook_updates takes about 300 bytes, with its index entries and the room that
// fillfactor keeps free. A reply takes its own size. A row expires 24 hours and some minutes after
// the last claim, or earlier if Telegram delivers the update for a shorter time, plus up to an
// hour. Claims remove expired rows in batches of up to 512, and skip rows that others have locked.
// So the table has about a day of updates. You need no other job. [Store.Prune] removes all
// expired rows at once.
//
// The tables need no tuning for a thousand updates a second, because the SQL sets their options.
// With a fillfactor of 50, the second write of an update mostly stays in its page and touches no
// index. Autovacuum starts when a fiftieth of the rows is dead, instead of a fifth. Do not turn
// autovacuum off for these tables. Do not add an index on lease_until, state or fence.
//
// # The pool
//
// A call takes a connection for one statement. Give the pool about as many connections as
// updates start or end at the same time. pgx takes four or the number of processors, whichever
// is more. If handlers that use the same pool keep all its connections, no update can start or
// end. A call waits up to 5 seconds.
//
// With PgBouncer in transaction mode, add default_query_exec_mode=exec to the URL. Otherwise pgx
// prepares statements on one connection and uses them on another. From PgBouncer 1.21 on, you can
// set max_prepared_statements instead.
//
// Add connect_timeout=2 to the URL, so that a host that does not answer is given up in time.
// If the server has a standby, name both hosts and add target_session_attrs=read-write.
//
// The default isolation level may be any. With repeatable read or serializable, a statement that
// conflicts with another runs again, which costs another round trip.
//
// # The queue
//
// The Handler of [tghook.NewPublisher] puts updates into a Queue, and [tghook.Consume] takes them
// out, in as many processes as you like. Processes may start and end at any time. The updates of
// a lane are handled one at a time and in order, whichever process has them.
//
// Each call is one transaction and one round trip. Concurrent calls of Publish share a
// transaction, and so do calls of Done. So each call costs less under load. The cost of Take does
// not depend on the length of the queue.
//
// PostgreSQL notifies the workers of new updates (LISTEN, on the channel tghook_queue). For this
// each consuming process has one connection outside its pool. PgBouncer in transaction mode does
// not pass notifications on. Then workers look for updates five times a second, and a line is
// logged. With default_query_exec_mode=exec everything else works there.
//
// The locks of lanes are advisory locks of the database. Their keys are hashes of 64 bits, so a
// collision with the locks of another program is very unlikely. Two queues with different schemas
// or prefixes use the same locks for the same bot. They wait for each other, and both work.
//
// An update that was handled is removed from tghook_queue. Its key stays in tghook_queue_done for
// one to two days, or for longer while no worker runs. The workers TRUNCATE a partition of
// tghook_queue_done each day. It never has a pending update or a dead letter. A key takes about 100
// bytes with its index entry.
//
// If the clock of PostgreSQL jumps forward by more than a lease, because it was set or because its
// machine was suspended, all leases run out at once. Then handlers that run may be cancelled, and
// their updates run again. For each of these an attempt counts.
//
// [Tx] gives a handler the transaction that removes its update. So the handler's writes in this
// database happen exactly once. This bot sells credit, and books each payment once, whatever
// crashes. Its own tables are accounts (chat, balance) and payments (charge, chat, amount):
//
//	package main
//
//	import (
//		"context"
//		"errors"
//		"log"
//		"os"
//		"os/signal"
//		"syscall"
//
//		"github.com/jackc/pgx/v5/pgxpool"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgpostgres"
//	)
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//		err := sell(ctx)
//		stop()
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
//	func sell(ctx context.Context) error {
//		pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // postgres://bot:password@db.example/bot?pool_max_conns=10
//		if err != nil {
//			return err
//		}
//		defer pool.Close()
//		queue, err := tgpostgres.NewQueue(pool, tgpostgres.Config{})
//		if err != nil {
//			return err
//		}
//		if err := queue.Migrate(ctx); err != nil { // makes the tables, if they are missing
//			return err
//		}
//		token := os.Getenv("TELEGRAM_TOKEN")
//		client, err := tghook.NewClient(token, tghook.ClientConfig{})
//		if err != nil {
//			return err
//		}
//		dispatch := tghook.DispatchConfig{Bot: client.Bot(), Caller: client}
//		publisher, err := tghook.NewPublisher(queue, dispatch)
//		if err != nil {
//			return err
//		}
//		ctx, stop := context.WithCancel(ctx)
//		consumed := make(chan error, 1)
//		go func() {
//			defer stop()
//			consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(pay), tghook.ConsumeConfig{Dispatch: dispatch})
//		}()
//		err = tghook.Run(ctx, tghook.Kinds{
//			tghook.KindMessage:          publisher,
//			tghook.KindPreCheckoutQuery: tghook.HandlerFunc(checkout), // it has ten seconds, so it does not wait in the queue
//		}, tghook.RunConfig{
//			Token: token,
//			URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//		})
//		stop()
//		return errors.Join(err, <-consumed)
//	}
//
//	func checkout(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
//		var got struct {
//			Query struct {
//				ID string `json:"id"`
//			} `json:"pre_checkout_query"`
//		}
//		if err := u.Decode(&got); err != nil {
//			return tghook.NoReply, tghook.Drop(err)
//		}
//		return tghook.Reply{Method: "answerPreCheckoutQuery", Params: map[string]any{
//			"pre_checkout_query_id": got.Query.ID, "ok": true,
//		}}, nil
//	}
//
//	// pay books a payment. It does not look for doubles: the queue does.
//	func pay(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
//		var got struct {
//			Message struct {
//				Payment *struct {
//					Amount int64  `json:"total_amount"`
//					Charge string `json:"telegram_payment_charge_id"`
//				} `json:"successful_payment"`
//			} `json:"message"`
//		}
//		if err := u.Decode(&got); err != nil {
//			return tghook.NoReply, tghook.Drop(err)
//		}
//		p := got.Message.Payment
//		if p == nil {
//			return tghook.NoReply, nil
//		}
//		tx, err := tgpostgres.Tx(ctx)
//		if err != nil {
//			return tghook.NoReply, err
//		}
//		_, err = tx.Exec(ctx, "INSERT INTO payments (charge, chat, amount) VALUES ($1, $2, $3)", p.Charge, u.ChatID, p.Amount)
//		if err != nil {
//			return tghook.NoReply, err
//		}
//		_, err = tx.Exec(ctx, "UPDATE accounts SET balance = balance + $2 WHERE chat = $1", u.ChatID, p.Amount)
//		if err != nil {
//			return tghook.NoReply, err
//		}
//		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
//			"chat_id": u.ChatID, "text": "Thank you! Your balance has changed.",
//		}}, nil
//	}
//
// From Tx on the handler holds a connection: give the pool three
// connections more than the handlers that use Tx at a time. Further handlers wait. While a
// transaction is open, PostgreSQL cannot remove dead rows, which slows Take after some minutes. So
// call Tx late in a slow handler.
//
// # What a failure costs
//
//   - PostgreSQL is away, or has no connection free: updates are answered 503, and no handler
//     starts. A running handler continues for up to 30 seconds, or ConsumeConfig.Lease. Then its
//     context ends with [tghook.ErrClaimLost], and its update runs again. A handler that uses [Tx]
//     fails at its next statement, and its writes are rolled back. The bot recovers when
//     PostgreSQL answers again.
//   - PostgreSQL was killed, or its machine lost power, and starts again: nothing is lost.
//   - The same with synchronous_commit off: the last commits are lost, up to three times
//     wal_writer_delay, which is 0.6 seconds by default. With fsync off, the database may be
//     broken. Do not use that.
//   - An asynchronous replica takes over: commits that the old primary had not sent to it are
//     lost. With synchronous_standby_names and synchronous_commit on, nothing is lost. A primary
//     that is cut off continues to grant claims: the tool that switches over must stop it first.
//
// With a Store: if a claim is lost, the update may run in another process while the first still
// runs. The first handler's context ends with [tghook.ErrClaimLost] at the next renewal, within 10
// seconds. If a success is lost, the update runs again, but only if Telegram has not got the
// answer and delivers the update again. If a failure is lost, the update gets another attempt.
// If items of an album are lost, they do not come again, because Telegram has been answered.
//
// With a Queue: if a Publish is lost, the update is lost, because Telegram has been answered. If
// the end of an update is lost, its writes by [Tx] are lost too, because they are one commit. Then
// its handler runs again.
//
// So with synchronous_commit off, the two statements of a Store do not wait for the disk, but
// updates may run twice after a crash. Set it only for the program, by
// options=-csynchronous_commit=off in the URL, and only if the program has no albums and no Queue.
// With a Queue it loses updates.
package tgpostgres
