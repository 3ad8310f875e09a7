package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

// enough is how long a test waits for what has to happen, also on a busy machine.
const enough = time.Minute

// openSite opens a site for a test, with a server that other tests use too.
func openSite(tb testing.TB, mode string) *site {
	tb.Helper()
	var server *engine.Server
	if start := servers[mode]; start != nil {
		var err error
		server, err = start()
		engine.LeaveOut(tb, err)
		require.NoError(tb, err)
	}
	return openSiteWith(tb, mode, server)
}

// openSiteWith opens a site for a test. If server is nil, the site has one of its own.
func openSiteWith(tb testing.TB, mode string, server *engine.Server) *site {
	tb.Helper()
	s, err := newSite(tb.Context(), mode, seeds.Add(1), testLease, server)
	engine.LeaveOut(tb, err)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, s.close()) })
	return s
}

// seeds makes the bots of all sites differ, because they may share a Store.
var seeds atomic.Uint64

// servers are the Stores' servers, which the first test that needs one starts.
var servers = map[string]func() (*engine.Server, error){}

// shareServers fills servers. The tests have ended when the caller calls stop.
func shareServers() (stop func() error) {
	ends := make([]func() error, 0, len(serverNames))
	for _, name := range serverNames {
		var running *engine.Server
		var dir string
		servers[name] = sync.OnceValues(func() (s *engine.Server, err error) {
			if dir, err = os.MkdirTemp("", "replicas-"); err != nil {
				return nil, err
			}
			running, err = modes[name].serve(context.Background(), dir)
			return running, err
		})
		ends = append(ends, func() (err error) {
			if running != nil {
				err = running.Close()
			}
			return errors.Join(err, os.RemoveAll(dir))
		})
	}
	return func() (err error) {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
		return err
	}
}

// begin starts a receiver.
func begin(tb testing.TB, s *site, place int) *process {
	tb.Helper()
	p, err := s.start(tb.Context(), place)
	require.NoError(tb, err)
	tb.Cleanup(p.Kill)
	return p
}

// send sends a message and returns the update's id.
func send(tb testing.TB, s *site, work time.Duration) int64 {
	tb.Helper()
	id, err := deliver(s.tg, 7, work)
	require.NoError(tb, err)
	return id
}

// delivered waits until Telegram has no update left, and until the ledger has noted what the processes
// reported before their answers.
func delivered(tb testing.TB, s *site) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), enough)
	defer cancel()
	require.NoError(tb, s.tg.Delivered(ctx))
	mark := s.ledger.newLife()
	s.ledger.end(mark)
	eventually(tb, "the ledger notes all reports before this one", func() bool {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		return s.ledger.lives[mark-1].over
	})
}

func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	require.Eventually(tb, is, enough, 2*time.Millisecond, what)
}

// The first answer is lost on its way, and the process that gave it is killed before
// Telegram asks again.
func TestAReplyThatTelegramNeverSawComesFromTheOtherReplica(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		s.Lease = enough // no lease runs out, also on a busy machine
		first := begin(t, s, 0)
		second := begin(t, s, 1)
		s.front.Put(1, "")
		s.tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
			if d.Attempt == 2 {
				eventually(t, "the Store knows of the success", func() bool { return s.ledger.kept(d.UpdateID) })
				first.Kill()
				s.front.Put(1, second.Address)
			}
			return tghooktest.DeliveryFault{CutAfter: d.Attempt == 1}
		})
		update := send(t, s, 0)
		delivered(t, s)
		assert.Equal(t, []int{first.life}, s.ledger.replies(update), "who made the replies that Telegram got")
		assert.Len(t, s.ledger.attempts(update), 1, "runs")
	})
}

// A process is killed while a reply waits for a redelivery that can carry it.
func TestALateReplyOfAKilledReplica(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		for name, calls := range map[string]bool{"without a Caller it comes from the other replica": false, "with a Caller it is lost": true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := openSite(t, mode)
				s.Calls = calls
				s.Lease = enough // no lease runs out, also on a busy machine
				first := begin(t, s, 0)
				second := begin(t, s, 1)
				s.front.Put(1, "")
				s.tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
					if d.Attempt == 2 {
						eventually(t, "the Store knows of the success", func() bool { return s.ledger.kept(d.UpdateID) })
						first.Kill()
						s.front.Put(1, second.Address)
					}
					return tghooktest.DeliveryFault{}
				})
				update := send(t, s, time.Second)
				delivered(t, s)
				assert.Len(t, s.ledger.attempts(update), 1, "runs")
				if calls {
					assert.Empty(t, s.ledger.replies(update))
				} else {
					assert.Equal(t, []int{first.life}, s.ledger.replies(update), "who made the replies that Telegram got")
				}
			})
		}
	})
}

// A process is killed when its handler has succeeded, and the Store does not know it.
func TestASuccessThatTheStoreDoesNotKnowIsRepeatedAfterTheLease(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		s.Dies = true
		first := begin(t, s, 0)
		s.Dies = false
		second := begin(t, s, 1)
		s.front.Put(1, "")
		go func() {
			<-first.Ended
			s.front.Put(1, second.Address)
		}()
		sent := time.Now()
		update := send(t, s, 0)
		delivered(t, s)
		assert.GreaterOrEqual(t, time.Since(sent), testLease, "time until it was handled again")
		runs := s.ledger.attempts(update)
		assert.True(t, len(runs) == 2 && runs[0].handled && runs[1].handled, "both runs succeeded")
		assert.Equal(t, []int{second.life}, s.ledger.replies(update), "who made the replies that Telegram got")
	})
}

// The process does not know that it was stopped.
func TestAReceiverThatWasStoppedPastItsLeaseIsRefused(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		gate := filepath.Join(t.TempDir(), "gate")
		s.Gate = gate
		first := begin(t, s, 0)
		s.Gate = ""
		second := begin(t, s, 1)
		s.front.Put(1, "")
		update := send(t, s, 0)
		eventually(t, "the run begins", func() bool { return len(s.ledger.attempts(update)) == 1 })
		time.Sleep(300 * time.Millisecond) // a process that is stopped while it writes holds the lock of SQLite's file
		require.NoError(t, first.Pause())
		s.front.Put(0, "")
		s.front.Put(1, second.Address)
		delivered(t, s)
		require.NoError(t, os.WriteFile(gate, nil, 0o600))
		require.NoError(t, first.Resume())
		eventually(t, "the Store refuses the late success", func() bool {
			run := s.ledger.attempts(update)[0]
			return run.handled && run.claim == refused
		})
		require.NoError(t, second.Stop())
		require.NoError(t, first.Stop())
		assert.Equal(t, []int{second.life}, s.ledger.replies(update), "who made the replies that Telegram got")
		runs := s.ledger.attempts(update)
		require.Len(t, runs, 2, "runs")
		assert.True(t, runs[0].handled && runs[0].overtaken && runs[1].claim == kept, "both runs succeeded, and the second one counts")
		require.NoError(t, s.ledger.audit([]int64{update}).err())
	})
}

// A poll confirms an update when those before it have been handled too. So after a crash
// Telegram sends a handled one again.
func TestAPollThatWasKilledRunsWhatItHadHandled(t *testing.T) {
	onEach(t, append([]string{byPoll}, storeNames...), func(t *testing.T, mode string) {
		s := openSite(t, mode)
		s.Polls = true
		first := begin(t, s, 0)
		_, err := deliver(s.tg, 8, enough) // the poll confirms nothing behind it
		require.NoError(t, err)
		quick := send(t, s, 0)
		handled := func(update int64) func() bool {
			return func() bool {
				runs := s.ledger.attempts(update)
				return len(runs) == 1 && runs[0].handled && (runs[0].claim == kept || s.Lease == 0)
			}
		}
		eventually(t, "it is handled", handled(quick))
		first.Kill()
		begin(t, s, 0)
		eventually(t, "the next one of the chat is handled", handled(send(t, s, 0)))
		want := 1
		if s.Lease == 0 {
			want = 2
		}
		assert.Len(t, s.ledger.attempts(quick), want, "runs: with a Store it is known")
	})
}

// A process dies while a handler runs. The update waits for the end of the lease.
func TestTheOtherReplicaRunsWhatAKilledOneHeld(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		s.Lease = 5 * time.Second
		s.Gate = filepath.Join(t.TempDir(), "gate") // which stays shut
		first := begin(t, s, 0)
		s.Gate = ""
		second := begin(t, s, 1)
		s.front.Put(1, "")
		begun := time.Now()
		update := send(t, s, 0)
		eventually(t, "the run begins", func() bool { return len(s.ledger.attempts(update)) == 1 })
		first.Kill()
		s.front.Put(1, second.Address)
		delivered(t, s)
		assert.GreaterOrEqual(t, time.Since(begun), s.Lease, "time until it was handled")
		assert.Equal(t, []int{second.life}, s.ledger.replies(update), "who made the replies that Telegram got")
	})
}

// The new process of each pair starts before the old one is asked to stop.
func TestARollingDeploymentRunsNothingTwice(t *testing.T) {
	onEach(t, storeNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		s.Lease = enough // no run may outlive it, also on a busy machine
		old := []*process{begin(t, s, 0), begin(t, s, 1)}
		sent := make(chan []int64, 1)
		go func() {
			ids, err := trial{length: 2 * time.Second, chats: 30, rate: 60}.feed(t.Context(), s)
			assert.NoError(t, err)
			sent <- ids
		}()
		for place, p := range old {
			time.Sleep(500 * time.Millisecond) // updates come meanwhile
			begin(t, s, place)
			require.NoError(t, p.Stop())
		}
		ids := <-sent
		delivered(t, s)
		got := s.ledger.audit(ids)
		require.NoError(t, got.err())
		assert.Equal(t, len(ids), got.begun, "runs")
	})
}

// A Store prevents this.
func TestWithoutAStoreTheOtherReplicaRunsALateUpdateToo(t *testing.T) {
	t.Parallel()
	s := openSite(t, byWebhook)
	begin(t, s, 0)
	second := begin(t, s, 1)
	s.front.Put(1, "")
	s.tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
		if d.Attempt == 2 {
			s.front.Put(0, "")
			s.front.Put(1, second.Address)
		}
		return tghooktest.DeliveryFault{CutAfter: d.Attempt == 1}
	})
	update := send(t, s, 0)
	delivered(t, s)
	// If the first one is slow, Telegram gives it up before its run begins.
	eventually(t, "both have run it", func() bool { return len(s.ledger.attempts(update)) == 2 })
}

func TestTheStoreIsAway(t *testing.T) {
	onEach(t, serverNames, func(t *testing.T, mode string) {
		s := openSiteWith(t, mode, nil)
		s.LateAfter = time.Minute
		p := begin(t, s, 0)
		var ids atomic.Int64
		send := func() (status int, retryAfter string, id int64) {
			id = ids.Add(1)
			status, retryAfter, err := post(t.Context(), http.DefaultClient, "http://"+p.Address, message(int(id), int(id)))
			assert.NoError(t, err)
			return status, retryAfter, id
		}
		var before [16]chan int // as many connections to the Store as there are at once
		for i := range before {
			before[i] = make(chan int, 1)
			go func() { status, _, _ := send(); before[i] <- status }()
		}
		for _, answered := range before {
			assert.Equal(t, http.StatusOK, <-answered, "before")
		}

		s.killStore()
		for range 5 {
			status, retryAfter, id := send()
			assert.Equal(t, http.StatusServiceUnavailable, status, "while the Store is away")
			seconds, err := strconv.Atoi(retryAfter)
			assert.Truef(t, err == nil && seconds >= 1 && seconds <= 5, "Retry-After: %q", retryAfter)
			assert.Empty(t, s.ledger.attempts(id), "runs")
		}

		require.NoError(t, s.server.Restart(t.Context()))
		back := make(chan time.Time, 1)
		go func() { back <- firstAnswer(t, mode, s.Store) }()
		handled := make(chan time.Time, 1)
		var senders sync.WaitGroup
		defer senders.Wait()
		for begun := time.Now(); time.Since(begun) < enough && len(handled) == 0; time.Sleep(5 * time.Millisecond) {
			senders.Go(func() {
				if status, _, _ := send(); status == http.StatusOK {
					select {
					case handled <- time.Now():
					default:
					}
				}
			})
		}
		require.NotEmpty(t, handled, "updates that were handled after the Store's return")
		took := (<-handled).Sub(<-back)
		t.Logf("%v from the Store's first answer to the first update", took)
		assert.Less(t, took, enough/2, "on a quiet machine it is less than a second")
		for range before {
			status, _, _ := send()
			assert.Equal(t, http.StatusOK, status, "afterwards")
		}
	})
}

// firstAnswer returns when the Store first answers a process that asks it again and again.
func firstAnswer(t *testing.T, mode, address string) time.Time {
	for n := 0; ; n++ {
		store, end, err := modes[mode].open(t.Context(), address)
		if err == nil {
			_, err = store.Claim(t.Context(), tghook.Claim{Key: tghook.Key{Bot: 1, ID: -1}, Fence: strconv.Itoa(n)}, time.Second, time.Minute)
			end()
		}
		if err == nil || t.Context().Err() != nil {
			return time.Now()
		}
		time.Sleep(5 * time.Millisecond)
	}
}
