package bench

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/bench/rivals"
)

// oneByOne is the loop of a bot without a dispatcher.
var oneByOne = rivals.Library{
	Name: "one_by_one",
	Poll: func(ctx context.Context, url, token string, handle rivals.Handle) error {
		client, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: url})
		if err != nil {
			return err
		}
		for offset := int64(0); ; {
			updates, err := client.GetUpdates(ctx, tghook.UpdatesRequest{Offset: offset, Wait: time.Second})
			if err != nil {
				return err
			}
			for _, raw := range updates {
				u, err := tghook.ParseUpdate(raw)
				if err != nil {
					return err
				}
				handle(u.ID)
				offset = u.ID + 1
			}
		}
	},
}

// polled are the libraries that have a poller.
func polled() []rivals.Library {
	return slices.DeleteFunc(append([]rivals.Library{rivals.Own, oneByOne}, rivals.All()...), func(l rivals.Library) bool { return l.Poll == nil })
}

// TestPoller is the program of a bot's process. Its arguments are the library, the server's
// URL, the token, and the number of waiting updates. When all are handled, it prints its
// work. As a test it does nothing.
func TestPoller(t *testing.T) {
	libraries := polled()
	i := slices.IndexFunc(libraries, func(l rivals.Library) bool { return l.Name == flag.Arg(0) })
	size, err := strconv.Atoi(flag.Arg(3))
	if i < 0 || err != nil {
		return
	}
	var (
		mu   sync.Mutex
		w    = work{Handled: make(handlings, 0, size)}
		seen = make(map[int64]bool, size)
		done = make(chan struct{})
	)
	handle := func(id int64) {
		begun := time.Now().UnixMicro()
		time.Sleep(handlerTime)
		mu.Lock()
		defer mu.Unlock()
		w.Handled = append(w.Handled, handling{id, begun, time.Now().UnixMicro()})
		if !seen[id] {
			seen[id] = true
			if len(seen) == size {
				close(done)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	w.Begun = time.Now().UnixMicro()
	used := cpuTime(t)
	go func() { ended <- libraries[i].Poll(ctx, flag.Arg(1), flag.Arg(2), handle) }()
	select {
	case <-done:
	case err := <-ended:
		t.Fatal(err)
	}
	used = cpuTime(t) - used
	cancel()
	if flag.Arg(0) == rivals.Own.Name { // others may take long, or not end at all
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	w.CPU = used / 1000
	if err := json.NewEncoder(os.Stdout).Encode(w); err != nil {
		t.Fatal(err)
	}
}
