package tgsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

func openSpool(tb testing.TB, path string, h tghook.HandlerFunc, change ...func(*tgsqlite.SpoolConfig)) *tgsqlite.Spool {
	tb.Helper()
	cfg := tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}}
	for _, f := range change {
		f(&cfg)
	}
	s, err := tgsqlite.OpenSpool(path, h, cfg)
	require.NoError(tb, err)
	return s
}

func shutDown(tb testing.TB, s *tgsqlite.Spool) {
	tb.Helper()
	require.NoError(tb, s.Shutdown(context.WithoutCancel(tb.Context())))
}

// newHook mounts a handler in a Webhook, which is shut down after the test.
func newHook(tb testing.TB, h tghook.Handler) *tghook.Webhook {
	tb.Helper()
	hook, err := tghook.New(h, tghook.Config{Secret: "my-secret", Dispatch: tghook.DispatchConfig{Bot: 7}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, hook.Shutdown(context.WithoutCancel(tb.Context()))) })
	return hook
}

// chatMessage is a message of a chat.
func chatMessage(id, chat int64) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"}}}`, id, chat)
}

func TestASpoolAnswersAtOnceAndHandlesLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var (
			mu      sync.Mutex
			handled []string
		)
		s := openSpool(t, newFile(t), func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Minute)
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, strconv.FormatInt(u.ID, 10))
			return tghook.NoReply, nil
		})
		hook := newHook(t, s)
		began := time.Now()
		for id := range int64(3) {
			assert.Equal(t, "200 ", post(hook, chatMessage(id+1, 1)))
		}
		assert.Equal(t, "200 ", post(hook, chatMessage(1, 1)), "again")
		assert.Zero(t, time.Since(began))
		state, err := s.Queue().State(within(t), 7)
		require.NoError(t, err)
		assert.Equal(t, 3, state.Pending)
		time.Sleep(5 * time.Minute)
		mu.Lock()
		assert.Equal(t, []string{"1", "2", "3"}, handled)
		mu.Unlock()
		state, err = s.Queue().State(within(t), 7)
		require.NoError(t, err)
		assert.Equal(t, tghook.QueueState{}, state)
		shutDown(t, s)
		assert.Contains(t, post(hook, chatMessage(9, 1)), "503 ", "after Shutdown")
	})
}

func TestASpoolGoesOnWhereItWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		starts := map[int64]int{}
		cut := openSpool(t, path, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			starts[u.ID]++
			<-ctx.Done()
			return tghook.NoReply, context.Cause(ctx)
		})
		hook := newHook(t, cut)
		for id := range int64(3) {
			assert.Equal(t, "200 ", post(hook, chatMessage(id+1, 1)))
		}
		time.Sleep(time.Second)
		began := time.Now()
		shutDown(t, cut)
		assert.Equal(t, 8*time.Second, time.Since(began), "Grace")
		assert.Equal(t, map[int64]int{1: 1}, starts)

		done := make(chan int64, 3)
		next := openSpool(t, path, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			_, ok := tghook.QueuedFromContext(ctx)
			assert.True(t, ok)
			done <- u.ID
			return tghook.NoReply, nil
		})
		began = time.Now()
		for id := range int64(3) {
			assert.Equal(t, id+1, <-done)
		}
		assert.Zero(t, time.Since(began))
		shutDown(t, next)
	})
}

func TestADeadLetterOfASpoolIsPutBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := openSpool(t, newFile(t), func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.NoReply, tghook.Drop(broken)
		})
		hook := newHook(t, s)
		assert.Equal(t, "200 ", post(hook, chatMessage(1, 1)))
		time.Sleep(time.Second)
		letters, err := s.Queue().DeadLetters(within(t), 7, 0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		assert.Contains(t, letters[0].Why, "broken")
		assert.JSONEq(t, chatMessage(1, 1), string(letters[0].Raw))
		require.NoError(t, s.Queue().PutBack(within(t), letters[0].Key))
		time.Sleep(time.Second)
		require.NoError(t, s.Queue().Discard(within(t), letters[0].Key), "it was given up again")
		require.ErrorIs(t, s.Queue().Discard(within(t), letters[0].Key), tghook.ErrNoDeadLetter)
		shutDown(t, s)
	})
}

func TestTheKindsOfTheHandlerPassThroughASpool(t *testing.T) {
	t.Parallel()
	one := tghook.HandlerFunc(hello)
	for _, c := range []struct {
		h    tghook.Handler
		want []string
	}{
		{one, nil},
		{tghook.Kinds{tghook.KindMessage: one, tghook.KindChatMember: one}, []string{"chat_member", "message"}},
	} {
		s, err := tgsqlite.OpenSpool(newFile(t), c.h, tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}})
		require.NoError(t, err)
		assert.Equal(t, c.want, s.AllowedUpdates())
		shutDown(t, s)
	}
}

func TestWhatOpenSpoolRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  tgsqlite.SpoolConfig
		h    tghook.Handler
		want string
	}{
		"no bot":                {tgsqlite.SpoolConfig{}, tghook.HandlerFunc(hello), "DispatchConfig.Bot: 0; give the number before the colon in the token"},
		"no handler":            {tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}}, nil, "Handler: nil"},
		"a lease that is short": {tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{Lease: 1, Dispatch: tghook.DispatchConfig{Bot: 7}}}, tghook.HandlerFunc(hello), "ConsumeConfig.Lease"},
		"a file that is small":  {tgsqlite.SpoolConfig{Config: tgsqlite.Config{MaxSize: 1}, Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}}, tghook.HandlerFunc(hello), "tgsqlite.Config.MaxSize"},
		"an album without Albums": {
			tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}},
			tghook.Chain(tghook.HandlerFunc(hello), tghook.Album(noAlbum, tghook.AlbumConfig{})), "not an AlbumStore",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newFile(t)
			_, err := tgsqlite.OpenSpool(path, c.h, c.cfg)
			require.ErrorContains(t, err, c.want)
			assert.NoFileExists(t, path+"-wal", "it is closed")
		})
	}
}

func noAlbum(context.Context, []*tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

func TestASpoolKeepsTheItemsOfAnAlbum(t *testing.T) {
	bubble(t, func(t *testing.T) {
		albums := make(chan int, 2)
		onAlbum := func(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
			albums <- len(us)
			return tghook.NoReply, nil
		}
		cfg := tgsqlite.SpoolConfig{Albums: true, Consume: tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}}
		s, err := tgsqlite.OpenSpool(newFile(t), tghook.Chain(tghook.HandlerFunc(hello), tghook.Album(onAlbum, tghook.AlbumConfig{})), cfg)
		require.NoError(t, err)
		hook := newHook(t, s)
		for id := range 3 {
			assert.Equal(t, "200 ", post(hook, fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"chat":{"id":7,"type":"private"},"media_group_id":"a","photo":[]}}`, id+1, id+1)))
		}
		assert.Equal(t, 3, <-albums)
		shutDown(t, s)
	})
}

func TestAShutdownWhoseContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := openSpool(t, newFile(t), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return tghook.NoReply, context.Cause(ctx)
		})
		assert.Equal(t, "200 ", post(newHook(t, s), chatMessage(1, 1)))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "tgsqlite: Shutdown: handlers are still running")
		shutDown(t, s)
	})
}
