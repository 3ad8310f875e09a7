// Package tgredis is a [tghook.Store] on Redis, for replicas of one bot: each update runs in
// only one of them. It uses a go-redis client of yours, of any kind.
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"net/http"
//		"os"
//
//		"github.com/redis/go-redis/v9"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgredis"
//	)
//
//	func main() {
//		client := redis.NewClient(&redis.Options{
//			Addr:                  "redis.example:6379",
//			Password:              os.Getenv("REDIS_PASSWORD"),
//			ContextTimeoutEnabled: true,
//		})
//		store, err := tgredis.New(client, tgredis.Config{})
//		if err != nil {
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
// Every method is one round trip: a Lua script, which Redis runs as a whole. An update whose
// handler is quick costs two. If Redis does not know a script, it is sent whole, which is one
// round trip more. All times are measured by the clock of Redis.
//
// The package needs Redis 6.2 or newer. Its tests run on Redis 7.0, as a single server, as a
// cluster and with Sentinel. It has not been tested on Valkey, which has the same commands.
//
// # The server
//
// Set these in the configuration of Redis:
//
//	maxmemory-policy noeviction
//	appendonly yes
//	appendfsync everysec
//
// With another maxmemory-policy, Redis removes keys when its memory is full. Then an update may
// run twice, and items of an album may be lost. So a Store cannot share a Redis with a cache.
// With noeviction, a Redis whose memory is full refuses to write. Updates are answered 503, and
// Telegram delivers them again later.
//
// Without appendonly, Redis forgets everything when it restarts, or what it has learned since
// its last snapshot. "What a failure costs" says what follows from that.
//
// # What a failure costs
//
//   - Redis is away: updates are answered 503, and no handler starts. A handler that runs goes
//     on. This ends about a second after Redis is back, or sooner: after failed dials, a
//     client of go-redis v9.5 dials once a second.
//   - Redis was killed and starts again: with appendonly, it knows what it had answered. There
//     is one exception: with everysec, while the disk is slow, up to two seconds of that may be
//     lost.
//   - Its machine lost power: with everysec, the last second or two of what it had answered are
//     lost. With always, nothing is lost, and each call waits for the disk.
//   - A replica of Redis took over: what the old master had not sent to it yet is lost. With
//     Sentinel or a cluster, set min-replicas-to-write 1 too. Otherwise a master that is cut
//     off from the others goes on granting claims for a while. WAIT is not used: it cannot
//     prevent the loss.
//
// If a claim is lost, the update may run in another process too, while the first still runs.
// The first handler's context ends with [tghook.ErrClaimLost] at the next renewal, within 10
// seconds. If a success is lost, and Telegram has not got the answer, the update runs again.
// If a failure is lost, there is one attempt more. If items of an album are lost that Telegram
// has been answered for, they do not come again: use appendfsync always where that matters.
//
// A lease is as wrong as the clock of Redis when it steps, or when the clock of a new master
// differs. Keep the clocks of the servers in step by NTP.
//
// # The client
//
// Set ContextTimeoutEnabled, so that a call ends with its context, after 5 seconds. Without it,
// a call to a server that hangs ends up to ReadTimeout later. The retries of the client are
// safe: a script that comes twice changes nothing. Set ReadTimeout and WriteTimeout to more
// than 3 seconds if replies have large files and the network is slow.
//
// A client that reads from replicas, by ReadOnly or RouteByLatency, reads from them nothing of
// the Store. A Ring moves keys to another server when one is away. What the first server knew
// is not known then, so that an update may run twice.
//
// # Keys
//
// With the default prefix and a bot 123456789, the keys are
//
//	tghook:update:123456789:<update_id>     a hash for each update
//	tghook:{albums:123456789}:lane:<chat>   a hash for each chat that has albums
//	tghook:{albums:123456789}               a sorted set of these chats
//	tghook:{albums:123456789}:saved:<text>  for a minute after each change of an album
//
// Each key expires. That of an update does so 24 hours and some minutes after the last claim,
// and earlier if Telegram delivers the update for a shorter time. It takes about 200 bytes of
// memory, and a reply its own size: 100,000 updates a day take about 20 MB. Each key is in a
// slot of its own in a cluster, except that all of the albums of a bot are in one slot.
//
// A user of Redis needs these permissions, and no others:
//
//	~tghook:* +evalsha +eval +time +exists +del +set +pexpire +pexpireat +pttl +hmget +hget +hset +hdel +hincrby +zadd +zrem +zremrangebyscore +zrangebyscore
package tgredis
