package rig

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// A SlowReader takes a second for each Read.
type SlowReader struct{ io.Reader }

// Read implements [io.Reader].
func (r *SlowReader) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return r.Reader.Read(p)
}

// Race delivers that many updates, each as often as it takes.
func Race(t *testing.T, r *Bot, updates, atOnce int64) {
	var wg sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	rode := make([]int, updates)
	answered := make([]int, updates)
	for id := range updates {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			for range 1000 {
				got := r.Post(MessageIn(id+1, id+1))
				answered[id]++
				switch {
				case got == HelloAnswer:
					rode[id]++
					return
				case got == "200":
					return
				case got != "503" && !strings.HasPrefix(got, "503 after "):
					t.Errorf("update %d is answered %s", id+1, got)
					return
				}
			}
			t.Errorf("update %d is never acknowledged", id+1)
		})
	}
	wg.Wait()
	late, total := 0, 0
	for id := range updates {
		total += rode[id]
		if answered[id] > 1 {
			late++
		}
	}
	t.Logf("%d of %d updates were late, %d replies rode", late, updates, total)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Rode = total
}
