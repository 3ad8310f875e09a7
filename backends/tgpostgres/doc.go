// Package tgpostgres keeps the updates of bots in PostgreSQL. It uses a pool of pgx v5 of yours.
// It has two parts, which may share a database:
//
//   - A [Store] is a [tghook.Store], for replicas of one bot: each update runs in only one of
//     them. The program below has one.
//   - A [Queue] is a [tghook.Queue]: Telegram is answered when an update is in the database, and
//     workers handle it later. See "The queue" below, and the example of [Tx], which is a whole
//     program.
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
// Every method of a Store is one statement, and one round trip. An update whose handler is quick costs
// two. Three things cost a round trip more: a connection prepares a statement before it first
// uses it, a pool of pgx pings a connection that was idle for a second, and one Claim in 256
// removes expired rows. All times are measured by the clock of PostgreSQL.
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
//   - Store.Migrate or Queue.Migrate makes them all when the program starts. Any number of replicas may call it at
//     once. It needs the right to create tables only if they are missing.
//   - Migration returns the SQL. Give it to the tool that makes your other tables. The file
//     schema.sql of this package is the same SQL with the default names.
//
// The program's user needs no right but these, of which the second and third are for a Queue:
//
//	GRANT SELECT, INSERT, UPDATE, DELETE ON tghook_updates, tghook_albums TO bot;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON tghook_queue, tghook_queue_done TO bot;
//	GRANT SELECT, TRUNCATE ON tghook_queue_done_0, tghook_queue_done_1, tghook_queue_done_2 TO bot;
//
// A row of tghook_updates takes about 300 bytes with its index entries and the room that fillfactor keeps free,
// and a reply its own size. It expires 24 hours and some minutes after the last claim, or
// earlier if Telegram delivers the update for a shorter time, and then up to an hour later.
// Claims remove expired rows in passing, in batches of up to 512, and pass over rows that
// others have locked. So the table has about a day of updates. Nothing else has to run, and
// [Store.Prune] removes all expired rows at once.
//
// The tables have settings of their own, so that a thousand updates a second need no tuning: a
// fillfactor of 50, so that the second write of an update mostly finds room in the page of the first
// and touches no index, and an autovacuum that starts when a fiftieth of the rows is dead and
// not a fifth. Do not turn autovacuum off for them. Do not add an index on lease_until, state
// or fence.
//
// # The pool
//
// A call takes a connection for one statement. Give the pool about as many connections as
// updates start or end at the same time. pgx takes four or the number of processors, whichever
// is more. Handlers that use the same pool must not keep all its connections while they run,
// for then no update can start or end. A call waits up to 5 seconds.
//
// With PgBouncer in transaction mode, add default_query_exec_mode=exec to the URL, for
// otherwise pgx prepares statements on a connection and uses them on another. From PgBouncer
// 1.21 on, max_prepared_statements does instead.
//
// Add connect_timeout=2 to the URL, so that a host that does not answer is given up in time.
// If the server has a standby, name both hosts and add target_session_attrs=read-write.
//
// The isolation level may be any. Where it is repeatable read or serializable by default, a
// statement that meets another runs again, which costs a round trip more each time.
//
// # The queue
//
// The Handler of [tghook.NewPublisher] puts updates into a Queue, and [tghook.Consume] takes them out, in as many
// processes as you like. They may start and end at any time. The updates of a lane are handled one
// at a time and in order, whichever process has them.
//
// Each call is one transaction and one round trip. Calls of Publish that come at once share a
// transaction. Calls of Done do too. The more calls there are, the less each costs. Take costs the same however long the queue is.
//
// PostgreSQL tells the workers of new updates (LISTEN). For that each process that consumes has
// one connection more than its pool. PgBouncer in transaction mode does not pass that on. Then
// workers look for updates five times a second, and a line is logged. All else works there, with
// default_query_exec_mode=exec. The channel is tghook_queue. The locks of lanes are advisory locks
// with random-looking keys of 64 bits.
//
// An update that was handled is removed from tghook_queue, and its key stays in tghook_queue_done
// for one to two days, or up to three if no worker runs. The workers empty a partition of it
// each day, by TRUNCATE. No pending
// update and no dead letter is ever in it.
//
// [Tx] gives a handler the transaction that ends its update. So its writes in this database
// happen exactly once. A handler that uses it holds a connection while it runs: give the pool
// three connections more than there are such handlers at a time. Others wait. A transaction that
// is open for minutes keeps PostgreSQL from removing dead rows, which slows Take: call Tx late in a
// slow handler.
//
// # What a failure costs
//
//   - PostgreSQL is away, or has no connection free: updates are answered 503, and no handler
//     starts. A handler that runs goes on for up to 30 seconds, or ConsumeConfig.Lease. Then its
//     context ends with [tghook.ErrClaimLost], and its update runs again. A handler that uses [Tx]
//     fails at its next statement, and its writes are undone. The bot recovers when PostgreSQL
//     answers again.
//   - PostgreSQL was killed, or its machine lost power, and starts again: nothing is lost.
//   - The same with synchronous_commit off: the last commits are lost, up to three times
//     wal_writer_delay, which is 0.6 seconds by default. With fsync off, the database may be
//     broken. Do not use that.
//   - An asynchronous replica takes over: what the old primary had not sent to it yet is lost.
//     With synchronous_standby_names and synchronous_commit on, nothing is lost. A primary that
//     is cut off, and does not know, goes on granting claims: the tool that switches over must
//     stop it first.
//
// With a Store: if a claim is lost, the update may run in another process too, while the first
// still runs.
// The first handler's context ends with [tghook.ErrClaimLost] at the next renewal, within 10
// seconds. If a success is lost, the update runs again, but only if Telegram has not got the
// answer and delivers the update again. If a failure is lost, the update gets one attempt more.
// If items of an album are lost, they do not come again, because Telegram has been answered.
//
// With a Queue: if a Publish is lost, the update is lost, because Telegram has been answered. If
// the end of an update is lost, its handler runs again. Its writes by [Tx] are lost with that end,
// and it writes them again.
//
// So synchronous_commit off saves a Store the wait for the disk at each of its two statements, and
// costs updates that run twice after a crash. Set it for the program alone, by
// options=-csynchronous_commit=off in the URL, and only if it has no albums and no Queue. With a
// Queue it loses updates.
package tgpostgres
