package outlet_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// slow answers yes after a second.
func slow(conn net.Conn, _ string) bool {
	time.Sleep(time.Second)
	return always(yes)(conn, "")
}

func TestTheWindowDoublesEachRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: slow}
		o, _ := b.open(t)
		defer o.Close()
		wait := deliver(t.Context(), t, o, 60)
		for _, busy := range []int{1, 2, 4, 8, 8, 8} {
			synctest.Wait()
			require.Equal(t, busy, o.Status().Busy)
			require.Equal(t, busy, o.Status().Window)
			time.Sleep(time.Second)
		}
		requireNoErrors(t, wait())
		require.Equal(t, 8, b.most)
		require.Zero(t, o.Status().Busy+o.Status().Waiting)
		require.Equal(t, 8, b.dials, "connections are used again")
		require.Len(t, b.bodies, 60)
	})
}

// grown returns an Outlet with a window of 8.
func grown(t *testing.T, b *bot) (*outlet.Outlet, *seen) {
	t.Helper()
	answer := b.answer
	b.answer = always(yes)
	o, s := b.open(t)
	for i := range 7 {
		_, err := o.Deliver(t.Context(), update(t, 1000+i))
		require.NoError(t, err)
	}
	require.Equal(t, 8, o.Status().Window)
	b.answer = answer
	b.bodies, b.times, b.raw = nil, nil, nil
	s.all = nil
	return o, s
}

func TestTheWindowHalvesInTrouble(t *testing.T) {
	for answer, windows := range map[string][]int{
		status(500):        {4, 2, 1, 1},
		status(429):        {4, 2, 1, 1},
		status(599):        {4, 2, 1, 1},
		"nonsense\r\n\r\n": {4, 2, 1, 1},
		status(400):        {8, 8},
		status(404):        {8, 8},
		status(410):        {8, 8},
		status(302):        {8, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &bot{answer: always(answer)}
			o, s := grown(t, b)
			defer o.Close()
			for _, window := range windows {
				_, err := o.Deliver(t.Context(), update(t, 1))
				require.Error(t, err)
				require.Equal(t, window, o.Status().Window, answer)
				require.Equal(t, err, s.last(t).Err)
			}
			require.Equal(t, len(windows) == 4, o.Status().Down)
		})
	}
}

func gaps(times []time.Time) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(times); i++ {
		all = append(all, times[i].Sub(times[i-1]))
	}
	return all
}

func TestABotThatIsDownIsAskedFromTimeToTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		b := &bot{answer: always(status(500))}
		o, _ := b.open(t)
		defer o.Close()
		start := time.Now()
		for range 8 {
			_, err := o.Deliver(t.Context(), update(t, 1))
			require.EqualError(t, err, "Wrong response from the webhook: 500 Internal Server Error")
		}
		require.Equal(t, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms, 2000 * ms}, gaps(b.times))
		require.True(t, o.Status().Down)
		require.Equal(t, start, o.Status().Since)
		require.Equal(t, "Wrong response from the webhook: 500 Internal Server Error", o.Status().Problem)

		b.answer = always(status(404))
		_, err := o.Deliver(t.Context(), update(t, 1))
		require.Error(t, err)
		require.False(t, o.Status().Down, "a bot that answers 404 is not down")
	})
}

func TestRequestsFromBeforeAnOutageDoNotProlongIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: func(conn net.Conn, _ string) bool {
			time.Sleep(time.Second)
			return always(status(500))(conn, "")
		}}
		o, _ := grown(t, b)
		defer o.Close()
		for _, err := range deliver(t.Context(), t, o, 8)() { // they fail at once
			require.Error(t, err)
		}
		require.True(t, o.Status().Down)
		failed := time.Now()
		_, err := o.Deliver(t.Context(), update(t, 1))
		require.Error(t, err)
		require.Equal(t, 1100*time.Millisecond, time.Since(failed))
	})
}

func TestAnOutageOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: slow, down: true}
		o, s := b.open(t)
		defer o.Close()
		wait := deliver(t.Context(), t, o, 100)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []time.Duration{100e6, 200e6, 400e6, 800e6, 1600e6, 3200e6, 5e9, 5e9}, gaps(b.times)[:8])
		require.InDelta(t, 3600/5, len(b.times), 10, "one request at a time, every 5 seconds")
		status := o.Status()
		require.True(t, status.Down)
		require.Equal(t, "the bot cannot be reached: Connection refused", status.Problem)
		require.Equal(t, 100, status.Waiting)
		for _, a := range s.list() {
			require.True(t, a.Unreachable)
			require.Equal(t, s.list()[0].Update.ID, a.Update.ID, "the update that could not be sent stays in front")
		}

		b.set(func() { b.down, b.times = false, nil })
		time.Sleep(time.Minute)
		requireNoErrors(t, wait())
		rounds := make([]int, 20)
		for _, at := range b.times {
			rounds[int(at.Sub(b.times[0])/time.Second)]++
		}
		require.Equal(t, []int{1, 2, 4, 8, 8}, rounds[:5], "the bot is not flooded")
		require.Len(t, b.bodies, 100)
		require.False(t, o.Status().Down)
		require.Empty(t, o.Status().Problem)
	})
}

func TestAProxyInFrontOfADeadBot(t *testing.T) {
	for _, answer := range []func(net.Conn, string) bool{
		always(status(502)), always(status(503)), always(status(504)),
		func(net.Conn, string) bool { return false }, // the connection is closed
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &bot{answer: answer}
			o, _ := b.open(t)
			defer o.Close()
			wait := deliver(t.Context(), t, o, 20)
			time.Sleep(3 * time.Hour)
			tried := map[string]bool{}
			b.set(func() {
				for _, body := range b.bodies {
					tried[body] = true
				}
				b.bodies, b.answer = nil, always(yes)
			})
			require.Len(t, tried, 20, "each has got its turn")
			time.Sleep(time.Minute + 20*time.Second)
			requireNoErrors(t, wait())
			require.Len(t, b.bodies, 20)
		})
	}
}

func TestAnOutageThatIsTooLongCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(status(503))}
		o, _ := b.open(t)
		defer o.Close()
		start := time.Now()
		_, err := o.Deliver(t.Context(), update(t, 1))
		require.EqualError(t, err, "Wrong response from the webhook: 503 Service Unavailable")
		require.InDelta(t, 12*time.Hour, time.Since(start), float64(2*time.Minute))
	})
}

// A bot that dies of one update must get the others, and this one must fail in the end.
func TestAPoisonedUpdate(t *testing.T) {
	for _, bad := range []func(net.Conn) bool{
		func(conn net.Conn) bool { return always(status(503))(conn, "") },
		func(net.Conn) bool { return false },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &bot{}
			b.answer = func(conn net.Conn, body string) bool {
				if strings.Contains(body, `"update_id":1,`) {
					return bad(conn)
				}
				return always(yes)(conn, body)
			}
			o, s := b.open(t)
			defer o.Close()
			failed := make(chan error, 1)
			poison := update(t, 1)
			go func() {
				_, err := o.Deliver(t.Context(), poison)
				failed <- err
			}()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			require.Empty(t, failed, "nothing else has succeeded, so this may be an outage")
			tries := len(s.list())
			require.Less(t, tries, 30, "it is not posted more often than by Telegram")
			require.True(t, o.Status().Down)

			start := time.Now()
			for i := range 10 {
				_, err := o.Deliver(t.Context(), update(t, 2+i))
				require.NoError(t, err)
			}
			require.LessOrEqual(t, time.Since(start), 3*time.Second, "the others do not wait for it")
			require.Error(t, <-failed)
			require.LessOrEqual(t, time.Since(start), 3*time.Second)
			require.LessOrEqual(t, len(s.list()), tries+11)
		})
	}
}

func TestRetryAfterInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always("HTTP/1.1 503 Down\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n")}
		o, _ := b.open(t)
		defer o.Close()
		go func() {
			time.Sleep(250 * time.Second)
			b.set(func() { b.answer = always(yes) })
		}()
		_, err := o.Deliver(t.Context(), update(t, 1))
		require.NoError(t, err)
		require.Equal(t, []time.Duration{100e9, 100e9, 100e9}, gaps(b.times))
	})
}

// A query waits no longer than Telegram would let it wait.
func TestRetryAfterOfAQueryIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always("HTTP/1.1 503 Down\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")}
		o, _ := b.open(t)
		defer o.Close()
		go func() {
			time.Sleep(20 * time.Second)
			b.set(func() { b.answer = always(yes) })
		}()
		press, err := tghook.ParseUpdate([]byte(`{"update_id":1,"callback_query":{"id":"1","from":{"id":5},"chat_instance":"1","data":"x"}}`))
		require.NoError(t, err)
		_, err = o.Deliver(t.Context(), press)
		require.NoError(t, err)
		require.Equal(t, []time.Duration{15e9, 15e9}, gaps(b.times))
	})
}

func TestTheContextEnds(t *testing.T) {
	for name, b := range map[string]*bot{
		"while it waits":                {answer: func(net.Conn, string) bool { time.Sleep(time.Hour); return false }},
		"while the bot is not reached":  {down: true},
		"while the bot is away":         {answer: always(status(502))},
		"while the bot does not answer": {answer: func(net.Conn, string) bool { time.Sleep(50 * time.Second); return false }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, s := b.open(t)
				defer o.Close()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				wait := deliver(ctx, t, o, 5)
				time.Sleep(30*time.Second + 17*time.Millisecond)
				cancel(errStop)
				now := time.Now()
				for _, err := range wait() {
					require.ErrorIs(t, err, errStop)
				}
				require.Zero(t, time.Since(now))
				require.Zero(t, o.Status().Busy+o.Status().Waiting)
				for _, a := range s.list() {
					require.Error(t, a.Err)
					if a.At.Add(a.Took).Equal(now) {
						require.ErrorIs(t, a.Err, errStop)
						require.False(t, a.Unreachable)
					}
				}
				require.NotEmpty(t, s.list())
				_, err := o.Deliver(ctx, update(t, 9))
				require.ErrorIs(t, err, errStop)
				b.set(func() { b.down, b.answer = false, always(yes) })
				_, err = o.Deliver(t.Context(), update(t, 10))
				require.NoError(t, err, "the turns were given back")
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestOneUpdateAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: slow}
		o, s := b.open(t, func(c *outlet.Config) { c.Target.MaxConnections = 1 })
		defer o.Close()
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { _, _ = o.Deliver(t.Context(), update(t, i+1)) })
			synctest.Wait()
		}
		all.Wait()
		for i, a := range s.list() {
			require.EqualValues(t, i+1, a.Update.ID)
		}
		require.Equal(t, 1, b.most)
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: slow}
		o, _ := grown(t, b)
		defer o.Close()
		wait := deliver(t.Context(), t, o, 20)
		synctest.Wait()
		o.Stop()
		o.Stop()
		synctest.Wait()
		require.Zero(t, o.Status().Waiting)
		stopped := 0
		for _, err := range wait() {
			if err != nil {
				require.ErrorIs(t, err, tghook.ErrShutdown)
				stopped++
			}
		}
		require.Len(t, b.bodies, 8, "no more have begun, and those under way were finished")
		require.Equal(t, 12, stopped)
	})
}

// A bot is down, and updates become too old while they wait. They are given up without a request
// when they would be posted, and the one behind them is posted when the bot is back.
func TestUpdatesThatBecomeTooOldWhileTheyWaitAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(yes), down: true}
		o, _ := b.open(t, func(c *outlet.Config) { c.MaxAge = time.Minute })
		defer o.Close()
		start := time.Now()
		post := func(id int, age time.Duration) <-chan error {
			u, result := update(t, id), make(chan error, 1)
			u.Date = start.Add(-age).Unix()
			go func() {
				_, err := o.Deliver(t.Context(), u)
				result <- err
			}()
			synctest.Wait() // it is the last one that waits
			return result
		}
		old := []<-chan error{post(1, 10*time.Second), post(2, 20*time.Second)}
		young := post(3, 0)
		time.Sleep(40 * time.Second)
		require.Equal(t, 3, o.Status().Busy+o.Status().Waiting, "none is too old yet")
		b.set(func() { require.Greater(t, len(b.times), 10) })
		for _, result := range old {
			require.EqualError(t, <-result, "dropped: the update is older than max_age")
		}
		require.Less(t, time.Since(start), time.Minute)
		b.set(func() { b.down = false })
		require.NoError(t, <-young)
		require.Len(t, b.bodies, 1)
	})
}
