// Package tgsqlite keeps what a bot on one machine must not forget in a file, by SQLite. It needs
// no server and no C compiler: it uses modernc.org/sqlite, which is Go.
//
// It has two parts, which may share a file. A [Store] is a [tghook.Store]: what has been handled
// is known after a restart or a crash. A [Spool] is a queue of updates: Telegram is answered when
// an update is on the disk, and the handler runs later. See "The spool" below.
//
// This bot has a Store:
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
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgsqlite"
//	)
//
//	func main() {
//		store, err := tgsqlite.Open("tghook.db", tgsqlite.Config{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//		err = tghook.Run(ctx, tghook.HandlerFunc(hello), tghook.RunConfig{
//			Token:   os.Getenv("TELEGRAM_TOKEN"),
//			URL:     os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//			Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Store: store}},
//		})
//		stop()
//		if err := errors.Join(err, store.Close()); err != nil {
//			log.Fatal(err)
//		}
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
// # The spool
//
// A handler that takes minutes needs a spool. So does a bot that must not miss a pre-checkout
// query because a chat is slow, or that wants Telegram to see an answer at once, always. This bot
// has one:
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
//		"time"
//
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgsqlite"
//	)
//
//	func main() {
//		token := os.Getenv("TELEGRAM_TOKEN")
//		client, err := tghook.NewClient(token, tghook.ClientConfig{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		spool, err := tgsqlite.OpenSpool("tghook.db", tghook.HandlerFunc(slow), tgsqlite.SpoolConfig{
//			Consume: tghook.ConsumeConfig{
//				Dispatch: tghook.DispatchConfig{Bot: client.Bot(), Caller: client},
//			},
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//		err = tghook.Run(ctx, spool, tghook.RunConfig{
//			Token: token,
//			URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//		})
//		stop()
//		if err := errors.Join(err, spool.Shutdown(context.Background())); err != nil {
//			log.Fatal(err)
//		}
//	}
//
//	func slow(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
//		if u.Kind != tghook.KindMessage {
//			return tghook.NoReply, nil
//		}
//		select {
//		case <-time.After(time.Minute): // your work
//		case <-ctx.Done():
//			return tghook.NoReply, context.Cause(ctx)
//		}
//		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
//			"chat_id": u.ChatID, "text": "Done!",
//		}}, nil
//	}
//
// The Spool is the handler that is mounted. Yours gets the updates from the file, as
// [tghook.Consume] says: those of a chat one at a time and in order, chats at once, and after an
// error again, before the next update of the chat. Replies are API calls, so a Caller is required.
// An update that is given up becomes a dead letter in the file. [Spool.Queue] shows how many
// updates are pending, and lists, puts back and discards dead letters. An update that Telegram
// delivers again is kept once.
//
// In a rolling restart the old and the new process may have the file open at a time. Each takes
// updates that the other does not have. Other programs may use [Store.Queue] with
// [tghook.NewPublisher] and [tghook.Consume] of their own.
//
// # Processes
//
// All processes of the machine may use the file at a time. One file serves any number of bots. Processes on several machines need a
// server: see tgredis and tgpostgres.
//
// # The file
//
// Open makes the file for the user of the process alone, with the rights 0600. The file is the
// Store's own: keep the data of your bot in another. SQLite keeps two more files beside it, with
// the same name and "-wal" or "-shm". Copy, move or delete them only when no process has the
// file open. To look into it or to copy it while the bot runs, use the sqlite3 program.
//
// The file must be on a disk of the machine. SQLite's locks do not hold on NFS, SMB and other
// network file systems: there two processes may run the same update, and damage the file.
// Containers of one machine may share it on a volume of a local disk.
//
// In a Store, an update takes about 200 bytes, and a reply its own size, until Telegram can no
// longer deliver it: 24 hours and some minutes, or less. In a queue, an update
// takes its own size and about 200 bytes until it is handled, and then 50 bytes, until 24 hours and
// 5 minutes after it was published. Both are removed in passing, with later writes, at most 100 rows at a time.
//
// The room of what was removed is used again, but the file does not shrink: it is as large as
// with its largest backlog. The statement VACUUM of sqlite3 makes it smaller, while no process
// has it open. It is not done by itself, because it would stop the bot for as long as it takes to
// write the file anew. [Config].MaxSize bounds the file. The log is moved to the file whenever it
// has 4 MiB, with the write that makes it so long. That write takes some milliseconds longer. The
// log's own file stays below 8 MiB, unless a reply or an update is larger.
//
// A file that an older version of this package has made gets what it lacks when it is opened. A
// process with the older version that has it open goes on, but cannot open it again.
//
// # Writing
//
// A call returns when the disk has what it wrote (synchronous=FULL), so that a loss of power
// loses nothing that was answered. Calls that come at the same time share one flush of the
// disk: many of them at once are several times faster than one after the other. While
// another process writes, a call waits until its context ends, which is 5 seconds.
//
// # What a failure costs
//
//   - The process is killed, and starts again: all that was answered is known. An update whose
//     handler ran is answered 503 until its lease has run out, for up to 30 seconds. Then it
//     runs again.
//   - The machine loses power: the same, if the disk keeps what it has flushed.
//   - The disk is full: Open fails. If it was open, updates are answered 503, and no handler
//     starts. A handler that runs goes on for up to 30 seconds. Then its context ends with
//     [tghook.ErrClaimLost]. This ends by itself when there is room. The error says that the disk
//     is full.
//   - The file has reached MaxSize: the same.
//   - Another program holds the lock of the file for longer than 5 seconds: the same.
//   - The file is lost, or an older copy takes its place: an update that Telegram delivers again
//     may run again. Items of an album that wait for the others are lost.
//   - The file is damaged: updates are answered 503. Stop the bot, move the file and its -wal and
//     -shm away, and start it.
//
// With a Spool:
//
//   - The process is killed: every update that was answered 200 is handled. The updates whose
//     handlers ran wait for the rest of their lease, for up to 30 seconds, with those behind them.
//     Then these handlers run again. So a kill makes an update be handled twice only if it came
//     between the end of its handler and Done.
//   - The machine loses power: the same, if the disk keeps what it has flushed.
//   - The disk is full, or the file has reached MaxSize: new updates are answered 503. Below
//     MaxSize, the last sixteenth is kept for leases and for the end of updates, so handlers go on.
//     On a full disk leases cannot be renewed, and what was handled cannot be removed. If that lasts
//     longer than a lease, contexts of handlers end with [tghook.ErrClaimLost]. Their updates run
//     again when there is room. Updates that were handled meanwhile run again too.
//   - Another program holds the lock of the file for longer than 5 seconds: new updates are
//     answered 503. If it holds it longer than the leases, contexts of handlers end with
//     [tghook.ErrClaimLost].
//   - The file is lost, or an older copy takes its place: updates that were answered and not
//     handled are lost, and those that were handled since the copy run again.
//   - The file is damaged: updates are answered 503. Those in it can be read with the command
//     .recover of sqlite3.
//
// # The clock
//
// Times are measured by the clock of the machine, which all its processes share. If it is set
// forward, leases run out earlier by as much: during a rolling restart, another process may
// then run an update that the first still runs. The first handler's context ends with
// [tghook.ErrClaimLost] at the next renewal, within 10 seconds. Updates are forgotten earlier
// too. If it is set forward by a day or more, an update that Telegram delivers again may run
// again.
//
// If it is set back, updates are kept longer. A lease never runs longer than 30 seconds, or
// ConsumeConfig.Lease, after somebody asks for the update. A clock that NTP keeps in step is not
// set, but slowed down or sped up a little, which costs nothing.
package tgsqlite
