package main

import (
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// While the bot is down, Telegram is answered and the updates wait. When the bot comes back, it gets
// them one at a time at first, and more at once as it takes them.
func TestABotThatComesBackIsNotFlooded(t *testing.T) {
	t.Parallel()
	const updates = 1000
	address, err := freeAddress(t.Context())
	require.NoError(t, err)
	dir := t.TempDir()
	tg := tghooktest.NewServer(t)
	g := serveBots(t, dir, object{
		"storage": object{"path": filepath.Join(dir, "storage")}, "api": tg.URL,
		"bots": object{"shop": object{"token": object{"env": "BOT_TOKEN"}, "to": "http://" + address + "/"}},
	}, botEnv(tg)...)
	require.NoError(t, g.ready(t.Context(), tg))
	h, err := hookOf(tg)
	require.NoError(t, err)
	from := &sender{hooks: []hook{h}, connections: connections}
	require.NoError(t, from.steady(t.Context(), updates/2, 2*time.Second))
	require.EqualValues(t, updates, from.accepted.Load(), "Telegram was answered while the bot was down")

	var mu sync.Mutex
	taken, busy, most := 0, 0, 0
	crowded := make(chan struct{}) // closed when more than ten requests were under way at once
	var crowds []int               // requests under way at once, when so many had been taken
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	release := sync.OnceFunc(func() { close(crowded) })
	t.Cleanup(release)
	bot := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		busy++
		if most = max(most, busy); most == 11 {
			release()
		}
		if busy > taken+1 {
			crowds = append(crowds, busy)
		}
		held := taken >= updates/2 // in the end the requests stay until more come beside them
		mu.Unlock()
		time.Sleep(10 * time.Millisecond) // its work
		if held {
			<-crowded
		}
		mu.Lock()
		busy--
		taken++
		mu.Unlock()
	})}
	t.Cleanup(func() { _ = bot.Close() })
	go func() { _ = bot.Serve(l) }()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return taken >= updates
	}, patience, poll)
	mu.Lock()
	defer mu.Unlock()
	assert.Empty(t, crowds, "more requests at once than the bot had taken updates")
	assert.Greater(t, most, 10, "requests at once in the end")
	assert.Equal(t, updates, taken, "each once")
}
