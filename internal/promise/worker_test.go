package promise_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// Not parallel: others would have their turn between two updates.
func TestUpdatesThatComeOneAfterTheOtherShareAGoroutine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	goroutines := map[string]bool{}
	d := dispatcher(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		stack := make([]byte, 64)
		name, _, _ := bytes.Cut(stack[:runtime.Stack(stack, false)], []byte(" ["))
		goroutines[string(name)] = true
		return tghook.NoReply, nil
	})
	const updates = 200
	for id := range int64(updates) {
		do(t, d, id)
	}
	if n := len(goroutines); n > updates/2 {
		t.Errorf("%d goroutines for %d updates", n, updates)
	}
}

func TestGoroutinesThatAreSharedHandleEachUpdateOnce(t *testing.T) {
	t.Parallel()
	const senders, updates = 40, 100
	var runs [senders * updates]atomic.Int32
	d := dispatcher(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		runs[u.ID].Add(1)
		return tghook.NoReply, nil
	})
	var all sync.WaitGroup
	for sender := range int64(senders) {
		all.Go(func() {
			for n := range int64(updates) {
				do(t, d, sender*updates+n)
			}
		})
	}
	all.Wait()
	for id := range runs {
		if n := runs[id].Load(); n != 1 {
			t.Errorf("update %d was handled %d times", id, n)
		}
	}
	if s := d.Stats(); s.InFlight > 0 || s.Lanes > 0 {
		t.Errorf("there are left %+v", s)
	}
}

func dispatcher(t *testing.T, h tghook.HandlerFunc) *tghook.Dispatcher {
	t.Helper()
	d, err := tghook.NewDispatcher(h, tghook.DispatchConfig{})
	require.NoError(t, err)
	return d
}

func do(t *testing.T, d *tghook.Dispatcher, id int64) {
	t.Helper()
	u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"message":{"chat":{"id":%d}}}`, id, id+1))
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := d.Do(t.Context(), u); err != nil {
		t.Error(err)
	}
}
