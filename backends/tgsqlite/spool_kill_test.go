//go:build unix

package tgsqlite_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

var (
	kills = flag.Int("kills", 10, "how often TestASpoolThatIsKilledLosesNothing kills the bot")
	seed  = flag.Uint64("seed", 0, "of the schedule of kills; 0 for a random one")
)

const (
	spoolVariable = "TGSQLITE_TEST_SPOOL"
	spoolChats    = 20
	// spoolLease is longer than a busy machine stops the bot. Otherwise a handler would run again in
	// the same life.
	spoolLease = 10 * time.Second
)

var _ = child(spoolVariable, spoolBot)

// spoolBot is a bot in a process of its own, with the webhook at the listener that it has
// inherited. Its handler writes to the ledger when it begins and when it ends. It runs until it is
// killed.
func spoolBot(dir string) error {
	ledger, err := os.OpenFile(filepath.Join(dir, "ledger"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	handle := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if _, err := fmt.Fprintln(ledger, "begin", u.ChatID, u.ID); err != nil {
			return tghook.NoReply, err
		}
		time.Sleep(rand.N(3 * time.Millisecond))
		_, err := fmt.Fprintln(ledger, "end", u.ChatID, u.ID)
		return tghook.NoReply, err
	}
	if _, err := fmt.Fprintln(ledger, "life 0 0"); err != nil {
		return err
	}
	s, err := tgsqlite.OpenSpool(filepath.Join(dir, "bot.db"), tghook.HandlerFunc(handle), tgsqlite.SpoolConfig{
		Consume: tghook.ConsumeConfig{Lease: spoolLease, Dispatch: tghook.DispatchConfig{Bot: 7}},
	})
	if err != nil {
		return err
	}
	hook, err := tghook.New(s, tghook.Config{InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{Bot: 7}})
	if err != nil {
		return err
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, "ready")
	server := &http.Server{Handler: hook, ReadHeaderTimeout: time.Minute}
	return server.Serve(l)
}

// A spoolRig is the bot, and a simple Telegram: of each chat one update at a time is on its way,
// until it is answered 200.
type spoolRig struct {
	tb       testing.TB
	dir      string
	listener *os.File
	address  string
	bot      *exec.Cmd
	sending  sync.WaitGroup
	stopped  atomic.Bool

	mu    sync.Mutex
	acked map[int64]bool // by update_id
}

func newSpoolRig(tb testing.TB) *spoolRig {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	file, err := l.(*net.TCPListener).File()
	require.NoError(tb, err)
	require.NoError(tb, l.Close())
	tb.Cleanup(func() { _ = file.Close() })
	return &spoolRig{tb: tb, dir: tb.TempDir(), listener: file, address: l.Addr().String(), acked: map[int64]bool{}}
}

func (r *spoolRig) path() string { return filepath.Join(r.dir, "bot.db") }

// start starts the bot, and returns when it serves.
func (r *spoolRig) start() {
	r.tb.Helper()
	program, err := os.Executable()
	require.NoError(r.tb, err)
	cmd := exec.CommandContext(r.tb.Context(), program)
	cmd.Env = append(os.Environ(), spoolVariable+"="+r.dir)
	cmd.ExtraFiles = []*os.File{r.listener}
	out, err := cmd.StdoutPipe()
	require.NoError(r.tb, err)
	said := new(strings.Builder)
	cmd.Stderr = said
	require.NoError(r.tb, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		require.NoError(r.tb, err, said.String())
	}
	r.bot = cmd
}

func (r *spoolRig) kill() {
	_ = r.bot.Process.Kill()
	_ = r.bot.Wait()
}

// send sends updates of all chats, over one connection for each chat. stop ends it.
func (r *spoolRig) send() (stop func()) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: spoolChats}}
	for chat := range int64(spoolChats) {
		r.sending.Go(func() {
			for n := int64(1); !r.stopped.Load(); n++ {
				r.deliver(client, n*1000+chat, chat+1)
			}
		})
	}
	return func() {
		r.stopped.Store(true)
		r.sending.Wait()
		client.CloseIdleConnections()
	}
}

// deliver sends an update until it is answered 200.
func (r *spoolRig) deliver(client *http.Client, id, chat int64) {
	for {
		res, err := client.Post("http://"+r.address+"/", "application/json", strings.NewReader(chatMessage(id, chat))) //nolint:noctx // it has a timeout
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				r.mu.Lock()
				r.acked[id] = true
				r.mu.Unlock()
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// answered returns the updates that were answered 200 until now.
func (r *spoolRig) answered() map[int64]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.acked)
}

func (r *spoolRig) ledger() ledger {
	text, err := os.ReadFile(filepath.Join(r.dir, "ledger"))
	require.NoError(r.tb, err)
	return readLedger(r.tb, string(text))
}

// A ledger records the handlers' runs in all lives.
type ledger struct {
	ended map[int64]int // how often a handler has ended, by update_id
	twice int           // updates whose handler has ended more than once
}

// A laneLog follows a lane through a ledger.
type laneLog struct {
	running   int64 // the update whose handler runs; 0 if none
	last      int64 // the update whose handler ended last
	lastLife  int
	violation string
}

// readLedger checks the order of each chat: the handlers of a chat run one at a time, and end in
// the order of the updates. One may end twice only if the bot was killed after the first time,
// and before the next update of the chat began.
func readLedger(tb testing.TB, text string) ledger {
	tb.Helper()
	led := ledger{ended: map[int64]int{}}
	lanes := map[string]*laneLog{}
	life := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		require.Len(tb, words, 3, line)
		if words[0] == "life" {
			life++
			for _, l := range lanes {
				l.running = 0 // it was killed
			}
			continue
		}
		id, err := strconv.ParseInt(words[2], 10, 64)
		require.NoError(tb, err)
		l := lanes[words[1]]
		if l == nil {
			l = &laneLog{}
			lanes[words[1]] = l
		}
		if words[0] == "begin" {
			l.begin(id, life)
		} else {
			l.end(id, life)
			led.ended[id]++
			if led.ended[id] == 2 {
				led.twice++
			}
		}
		require.Empty(tb, l.violation, "chat %s, life %d: %s", words[1], life, line)
	}
	return led
}

func (l *laneLog) begin(id int64, life int) {
	switch {
	case l.running != 0:
		l.violation = fmt.Sprintf("begins while %d runs", l.running)
	case id == l.last && life > l.lastLife: // it was not known to have ended
	case l.last != 0 && id != l.last+1000:
		l.violation = fmt.Sprintf("begins after %d", l.last)
	}
	l.running = id
}

func (l *laneLog) end(id int64, life int) {
	if l.running != id {
		l.violation = fmt.Sprintf("ends while %d runs", l.running)
	}
	l.running, l.last, l.lastLife = 0, id, life
}

// schedule is the source of chance of a test.
func schedule(tb testing.TB) *rand.Rand {
	tb.Helper()
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	tb.Logf("-seed %d", s)
	return rand.New(rand.NewPCG(s, s))
}

func TestASpoolThatIsKilledLosesNothing(t *testing.T) {
	t.Parallel()
	chance := schedule(t)
	r := newSpoolRig(t)
	r.start()
	stop := r.send()
	for i := range *kills {
		time.Sleep(time.Duration(20+chance.IntN(400)) * time.Millisecond)
		r.kill()
		if i%10 == 9 {
			sound(t, r.path())
		}
		r.start()
	}
	stop()
	acked := r.answered()
	defer r.kill()
	require.Eventually(t, func() bool { return len(missing(acked, r.ledger().ended)) == 0 }, time.Minute, 100*time.Millisecond, "every update that was answered is handled")
	led := r.ledger()
	t.Logf("%d updates, %d kills, %d handled twice", len(acked), *kills, led.twice)
	assert.Len(t, led.ended, len(acked))
	assert.LessOrEqual(t, led.twice, *kills*spoolChats, "at most those that ran")
}

// missing returns the updates that were answered, and that others have not.
func missing(acked map[int64]bool, others ...map[int64]int) (ids []int64) {
	for id := range acked {
		found := false
		for _, o := range others {
			found = found || o[id] > 0
		}
		if !found {
			ids = append(ids, id)
		}
	}
	return ids
}

// A loss of power leaves the file and its log as they are on the disk at one moment. The
// bot is stopped while they are copied, because two files that are copied one after the other
// are not of one moment: a checkpoint between the two would have moved pages.
func TestACopyOfARandomMomentHasAllThatWasAnswered(t *testing.T) {
	t.Parallel()
	chance := schedule(t)
	r := newSpoolRig(t)
	r.start()
	stop := r.send()
	copies := max(*kills/2, 3)
	pending := 0
	for i := range copies {
		time.Sleep(time.Duration(20+chance.IntN(400)) * time.Millisecond)
		require.NoError(t, r.bot.Process.Signal(syscall.SIGSTOP))
		acked, led := r.answered(), r.ledger()
		into := filepath.Join(r.dir, "copy"+strconv.Itoa(i)+".db")
		copyFile(t, r.path(), into, nil)
		// The disk may have more of the log than was flushed, and the last page in part.
		copyFile(t, r.path()+"-wal", into+"-wal", make([]byte, chance.IntN(5000)))
		require.NoError(t, r.bot.Process.Signal(syscall.SIGCONT))

		waits := waitingIn(t, into)
		pending += len(waits)
		assert.Empty(t, missing(acked, led.ended, waits), "copy %d", i)
		sound(t, into)
		require.NoError(t, os.Remove(into))
	}
	stop()
	r.kill()
	t.Logf("%d copies, %d updates waited in them", copies, pending)
}

func copyFile(tb testing.TB, from, into string, more []byte) {
	tb.Helper()
	data, err := os.ReadFile(from)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(tb, err)
	}
	require.NoError(tb, os.WriteFile(into, append(data, more...), 0o600))
}

// waitingIn opens a file and returns the updates in it, which it checks to be in order.
func waitingIn(tb testing.TB, path string) map[int64]int {
	tb.Helper()
	store, err := tgsqlite.Open(path, tgsqlite.Config{})
	require.NoError(tb, err)
	defer func() { require.NoError(tb, store.Close()) }()
	db := database(tb, path)
	_, err = db.ExecContext(tb.Context(), "UPDATE leases SET until = 0") // their holder is gone
	require.NoError(tb, err)
	require.NoError(tb, db.Close())
	state, err := store.Queue().State(tb.Context(), 7)
	require.NoError(tb, err)
	waits := map[int64]int{}
	for len(waits) < state.Pending {
		last := map[string]int64{}
		for _, u := range take(tb, store.Queue(), 1000) {
			waits[u.Key.ID]++
			require.Greater(tb, u.Key.ID, last[u.Lane], "in order")
			last[u.Lane] = u.Key.ID
			require.NoError(tb, store.Queue().Done(tb.Context(), u))
		}
	}
	return waits
}
