package tgsqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// shortLease is a Store whose claims run out soon, so that a test need not wait for them. It is for
// the bot that is killed.
type shortLease struct{ *tgsqlite.Store }

func (s shortLease) Claim(ctx context.Context, c tghook.Claim, _, ttl time.Duration) (tghook.ClaimResult, error) {
	return s.Store.Claim(ctx, c, 3*time.Second, ttl)
}

// albumBot is a bot in a process of its own. It writes what its handler does to a ledger,
// and its address to stdout. It runs until it is killed. A bot that dies has short leases.
func albumBot(dir string, dies, slow bool) error {
	quiet, err := time.ParseDuration(os.Getenv(albumBotVariable + "_QUIET"))
	if err != nil {
		return err
	}
	file, err := tgsqlite.Open(filepath.Join(dir, "bot.db"), tgsqlite.Config{})
	if err != nil {
		return err
	}
	store := tghook.Store(file)
	if dies {
		store = shortLease{file}
	}
	ledger, err := os.OpenFile(filepath.Join(dir, "ledger"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	onAlbum := func(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
		items := make([]string, len(us))
		for i, u := range us {
			items[i] = strconv.FormatInt(u.ID, 10)
		}
		if _, err := fmt.Fprintln(ledger, "begin", strings.Join(items, " ")); err != nil {
			return tghook.NoReply, err
		}
		if slow {
			time.Sleep(time.Hour)
		}
		_, err := fmt.Fprintln(ledger, "end", strings.Join(items, " "))
		return tghook.NoReply, err
	}
	nothing := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil })
	hook, err := tghook.New(tghook.Chain(nothing, tghook.Album(onAlbum, tghook.AlbumConfig{Quiet: quiet})), tghook.Config{
		InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{Bot: 1, Store: store},
	})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, l.Addr())
	server := &http.Server{Handler: hook, ReadHeaderTimeout: time.Minute}
	return server.Serve(l)
}

const (
	albumBotVariable = "TGSQLITE_TEST_ALBUM_BOT"
	// albumQuiet is long enough for a bot to be killed, and for the next one to start and to get
	// an item, unless the machine is very busy.
	albumQuiet = 10 * time.Second
)

// startAlbumBot starts a bot, and returns its address and what kills it.
func startAlbumBot(t *testing.T, dir string, dies, slow bool, quiet time.Duration) (address string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), albumBotVariable+"="+dir, albumBotVariable+"_QUIET="+quiet.String())
	if dies {
		cmd.Env = append(cmd.Env, albumBotVariable+"_DIES=yes")
	}
	if slow {
		cmd.Env = append(cmd.Env, albumBotVariable+"_SLOW=yes")
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address = strings.TrimSpace(line)
	_, _, err = net.SplitHostPort(address)
	require.NoError(t, err, "the bot says that")
	return address, func() {
		_ = cmd.Process.Kill() // SIGKILL
		_ = cmd.Wait()
	}
}

func postPhoto(t *testing.T, address string, id int) {
	t.Helper()
	body := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"from":{"id":7},"chat":{"id":7,"type":"private"},"media_group_id":"a","photo":[]}}`, id, id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/telegram", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func ledgerOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(text)
}

func waitForLedger(t *testing.T, dir, want string) {
	t.Helper()
	assert.Eventually(t, func() bool { return ledgerOf(t, dir) == want }, 2*time.Minute, 20*time.Millisecond, "the ledger is to be\n%s", want)
	assert.Equal(t, want, ledgerOf(t, dir))
}

func TestABotThatIsKilledLosesNoItemOfAnAlbum(t *testing.T) {
	for name, test := range map[string]struct {
		before []int  // items that the killed bot answers
		slow   bool   // it is killed while its handler runs
		after  []int  // items that the next bot gets
		want   string // the ledger
	}{
		"between two items":      {[]int{1, 2}, false, []int{3}, "begin 1 2 3\nend 1 2 3\n"},
		"behind the last item":   {[]int{1, 2, 3}, false, nil, "begin 1 2 3\nend 1 2 3\n"},
		"while its handler runs": {[]int{1, 2, 3}, true, nil, "begin 1 2 3\nbegin 1 2 3\nend 1 2 3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A busy machine may take longer for the items than the album waits for the next one. Then
			// the album is not one, and this is tried again with an album that waits longer.
			const tries = 3
			for try := 1; ; try++ {
				quiet := albumQuiet << (try - 1)
				dir := t.TempDir()
				address, kill := startAlbumBot(t, dir, true, test.slow, quiet)
				began := time.Now()
				for _, id := range test.before {
					postPhoto(t, address, id)
				}
				took := time.Since(began)
				if test.slow && took < quiet {
					waitForLedger(t, dir, "begin 1 2 3\n")
				}
				kill()
				address, kill = startAlbumBot(t, dir, false, false, quiet)
				t.Cleanup(kill)
				for _, id := range test.after {
					postPhoto(t, address, id)
					took = time.Since(began)
				}
				if took < quiet || try == tries {
					waitForLedger(t, dir, test.want)
					return
				}
			}
		})
	}
}
