// Package tgsqlite keeps the updates of a bot on one machine in an SQLite file. It needs no server
// and no C compiler: it uses modernc.org/sqlite, which is written in Go.
//
// It has two parts, which may share a file. A [Store] is a [tghook.Store]: after a restart
// or a crash, it still knows which updates were handled. A [Spool] is a queue of updates: Telegram
// is answered when an update is on the disk, and the handler runs later. See "The spool" below.
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
// A handler that takes minutes needs a spool. So does a bot that must always answer Telegram at
// once, for example because a slow chat must not delay a pre-checkout query. This bot has one:
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
// Mount the Spool as the handler. Your handler gets the updates from the file, as with
// [tghook.Consume]: updates of a chat run one at a time and in order, and chats run concurrently.
// After an error an update runs again, before the next update of its chat. Replies are API calls:
// set a Caller if the handler replies. An update that is given up becomes a dead letter in the file.
// [Spool.Queue] shows how many updates are pending, and lists, puts back and discards dead letters.
// An update that Telegram delivers again is kept once.
//
// In a rolling restart the old and the new process may have the file open at the same time. Each
// takes updates that the other does not have. Other programs may use [Store.Queue] with
// [tghook.NewPublisher] and [tghook.Consume].
//
// # Processes
//
// All processes of the machine may use the file at the same time. One file serves any number of
// bots. Processes on several machines need a server: see tgredis and tgpostgres.
//
// # The file
//
// Open creates the file with permissions 0600. Keep the data of your bot in another file. SQLite
// keeps two more files beside it, with the same name and "-wal" or "-shm". Copy, move or delete
// the three only when no process has the file open. To look into the file or to copy it while the
// bot runs, use the sqlite3 program.
//
// The file must be on a disk of the machine. SQLite's locks do not work on NFS, SMB and other
// network file systems: two processes may run the same update there, and damage the file.
// Containers of one machine may share it on a volume of a local disk.
//
// In a Store, an update takes about 200 bytes, and a reply its own size, until Telegram can no
// longer deliver it: 24 hours and some minutes, or less. In a queue, an update
// takes its own size and about 200 bytes until it is handled, and then about 60 bytes, until 24
// hours and 5 minutes after it was published. All of this counts in [Config].MaxSize. Later writes
// remove old rows, at most 100 at a time. [Store.Prune] removes all old rows at once.
//
// SQLite reuses the space of removed rows, but the file does not shrink: it stays as large as its
// largest backlog. To shrink it, run VACUUM in sqlite3 while no process has it open. The package
// never runs VACUUM, because the bot would stop until the file is rewritten. [Config].MaxSize
// bounds the file. When the log reaches 4 MiB, one write moves it to the file, and takes some
// milliseconds longer. The file of the log stays below 8 MiB, unless a reply or an update is larger.
//
// Open upgrades a file that an older version of this package has made. A process with the older
// version that has the file open continues to work, but cannot open it again.
//
// # Writing
//
// A call returns when its write is on the disk (synchronous=FULL), so a loss of power loses no
// update that was answered. Concurrent calls share one flush of the disk, so they are several
// times faster than calls one after the other. While another process writes, a call waits until
// its context ends, which is 5 seconds.
//
// # What a failure costs
//
//   - The process is killed, and starts again: it knows all updates that were answered. An update
//     whose handler was running is answered 503 until its lease has run out, for up to 30 seconds.
//     Then it runs again.
//   - The machine loses power: the same, if the disk keeps what it has flushed.
//   - The disk is full: Open fails. If it was open, updates are answered 503, and no handler
//     starts. A running handler continues for up to 30 seconds. Then its context ends with
//     [tghook.ErrClaimLost]. The bot recovers when there is room. The error says that the disk is
//     full.
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
//     handlers were running, and those behind them, wait until the leases run out, for up to 30
//     seconds. Then these handlers run again. An update completes twice only if the kill comes
//     between the end of its handler and Done.
//   - The machine loses power: the same, if the disk keeps what it has flushed.
//   - The disk is full, or the file has reached MaxSize: new updates are answered 503. Below
//     MaxSize, the last sixteenth is reserved for leases and for the end of updates, so handlers
//     continue. On a full disk leases cannot be renewed, and handled updates cannot be removed. If
//     the disk stays full longer than a lease, contexts of handlers end with [tghook.ErrClaimLost].
//     Their updates run again when there is room, and so do updates handled while it was full.
//   - Another program holds the lock of the file for longer than 5 seconds: new updates are
//     answered 503. If it holds the lock longer than a lease, contexts of handlers end with
//     [tghook.ErrClaimLost].
//   - The file is lost, or an older copy takes its place: updates that were answered and not
//     handled are lost. Updates that were handled since the copy run again.
//   - The file is damaged: updates are answered 503. The command .recover of sqlite3 reads the
//     updates in the file.
//
// # The clock
//
// The clock of the machine measures all times. It jumps forward when somebody sets it, and when the
// machine was suspended. A queue notices that, and gives each lease the time that it had left. On
// Linux it notices a suspended machine, because the monotonic clock stands still meanwhile. A process
// that starts after the jump does not see it. In its first seconds it may take an update that another
// one still runs.
//
// In a Store, leases run out earlier if the clock is set forward. So during a rolling restart, another
// process may run an update that the first still runs. The first handler's context ends with
// [tghook.ErrClaimLost] at the next renewal, within 10 seconds. Keys are forgotten earlier too, also
// in a queue. After a jump of a day or more, an update that Telegram delivers again may run again.
//
// If the clock is set back, updates are kept longer. A lease never runs longer than 30 seconds, or
// ConsumeConfig.Lease, after a process asks for the update. NTP normally does not set the clock,
// but slows it down or speeds it up a little, which has no effect here.
package tgsqlite
