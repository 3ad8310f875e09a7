// Package tgsqlite is a [tghook.Store] in a file, by SQLite, for a bot on one machine: what has
// been handled is known after a restart or a crash. It needs no server and no C compiler: it
// uses modernc.org/sqlite, which is Go.
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
// All processes of the machine may use the file at a time, such as the old and the new one of a
// rolling restart. One file serves any number of bots. Processes on several machines need a
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
// An update takes about 200 bytes, and a reply its own size. It is removed when Telegram can no
// longer deliver it: after 24 hours and some minutes, or earlier. The room of what was removed
// is used again, but the file does not shrink: it is as large as on its largest day. The
// statement VACUUM of sqlite3 makes it smaller. [Config].MaxSize bounds it.
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
//     starts. A handler that runs goes on. This ends by itself when there is room. The error
//     says that the disk is full.
//   - Another program holds the lock of the file for longer than 5 seconds: the same.
//   - The file is lost, or an older copy takes its place: an update that Telegram delivers again
//     may run again. Items of an album that wait for the others are lost.
//   - The file is damaged: updates are answered 503. Stop the bot, move the file and its -wal and
//     -shm away, and start it.
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
// If it is set back, updates are kept longer. A lease never runs longer than 30 seconds after
// somebody asks for the update. A clock that NTP keeps in step is not set, but slowed down or
// sped up a little, which costs nothing.
package tgsqlite
