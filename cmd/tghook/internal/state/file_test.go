package state

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

const token = "123456:AAE-secret-of-the-token-0123456789ab"

// asChild is the environment variable with the file that a child process keeps.
const asChild = "TGHOOK_TEST_STATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(asChild); path != "" {
		live(path)
	}
	os.Exit(m.Run())
}

// live runs a Server on the file until it is killed. It tells the number of each message that
// Zoë has sent, and, in another line, of each that was saved.
func live(path string) {
	f, err := Open(path)
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	srv, err := tghooktest.Start(tghooktest.ServerConfig{Token: token, State: f.Records()})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	f.Keep(srv, func(err error) { fmt.Fprintln(os.Stdout, err) })
	err = srv.Try(func(_ testing.TB, s *tghooktest.Server) {
		zoe := s.User("Zoë").Chat()
		for n := len(zoe.Messages()) + 1; ; n++ {
			zoe.Send(strconv.Itoa(n))
			fmt.Fprintln(os.Stdout, "sent", n)
			if err := f.Save(); err != nil {
				fmt.Fprintln(os.Stdout, err)
			}
			fmt.Fprintln(os.Stdout, "saved", n)
		}
	})
	fmt.Fprintln(os.Stdout, err)
	os.Exit(1)
}

// start starts a Server on the file.
func start(t *testing.T, path string) (*File, *tghooktest.Server) {
	t.Helper()
	f, err := Open(path)
	require.NoError(t, err)
	srv := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, State: f.Records()})
	f.Keep(srv, func(err error) { t.Error(err) })
	return f, srv
}

func end(t *testing.T, f *File, srv *tghooktest.Server) {
	t.Helper()
	srv.Close()
	require.NoError(t, f.Close())
}

// A process that is killed at any moment leaves what was true at some moment, and no older one
// than its last save.
func TestAKilledProcessLeavesItsState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	kills := 20
	if testing.Short() {
		kills = 5
	}
	for range kills {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), asChild+"="+path)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = child.Process.Kill() })
		sent, saved := 0, 0
		for ok := true; ok; ok = lines.Scan() {
			_, _ = fmt.Sscanf(lines.Text(), "sent %d", &sent)
			_, _ = fmt.Sscanf(lines.Text(), "saved %d", &saved)
			assert.Regexp(t, `^(sent|saved) \d+$`, lines.Text())
		}
		_ = child.Wait() // it was killed

		f, srv := start(t, path)
		got := srv.User("Zoë").Chat().Messages()
		assert.GreaterOrEqual(t, len(got), saved)
		assert.LessOrEqual(t, len(got), sent+1) // it may not have told of the last one
		for i, m := range got {
			require.Equal(t, strconv.Itoa(i+1), m.Text)
		}
		ids := srv.PendingIDs()
		assert.Len(t, ids, len(got), "each message has its update")
		for i, id := range ids {
			require.Equal(t, ids[0]+int64(i), id)
		}
		end(t, f, srv)
	}
}

func TestAFileInUseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), asChild+"="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	require.True(t, bufio.NewScanner(out).Scan())
	_, err = Open(path)
	require.EqualError(t, err, "--state "+path+": another tghook has the file open; end it, or give the name of another file")
}

func TestForeignFilesAreNotTouched(t *testing.T) {
	for name, content := range map[string]string{
		"text": "This is a text of the user.", "long": strings.Repeat("text ", 1000),
		"other": magic + strings.Repeat("\x00", 4096-len(magic)),
		"newer": magic + strings.Repeat("\x00", versionAt-len(magic)) + "\x00\x00\x00\x02" + "\x00\x00\x00\x00" + "tghk" + strings.Repeat("\x00", 4096),
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := Open(path)
		if name == "newer" {
			require.EqualError(t, err, "--state "+path+": a newer tghook has written this file; use that version, or give the name of a new file")
		} else {
			require.EqualError(t, err, "--state "+path+": another program has made this file; give the name of a new file")
		}
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(left))
	}
	_, err := Open(t.TempDir())
	require.ErrorContains(t, err, "--state")
	_, err = Open(filepath.Join(t.TempDir(), "none", "dev.db"))
	require.ErrorContains(t, err, "there is no such directory; make it first")
	_, err = Open("")
	require.ErrorContains(t, err, "the name of the file is empty")
}

func TestTheFileIsTheOwnersAndHasNoToken(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "odd name? #%41;.db")
	f, srv := start(t, path)
	zoe := srv.User("Zoë").Chat()
	zoe.Send("unlikely text")
	bot := srv.Bot(t)
	require.NoError(t, bot.Call(t.Context(), "setWebhook", map[string]any{"url": "http://127.0.0.1:9/" + token, "secret_token": "s"}, nil))
	require.NoError(t, f.Save())
	check := func() {
		all, err := os.ReadDir(directory)
		require.NoError(t, err)
		var content []byte
		for _, entry := range all {
			info, err := entry.Info()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), entry.Name())
			one, err := os.ReadFile(filepath.Join(directory, entry.Name()))
			require.NoError(t, err)
			content = append(content, one...)
		}
		_, secret, _ := strings.Cut(token, ":")
		assert.False(t, bytes.Contains(content, []byte(secret)))
		assert.True(t, bytes.Contains(content, []byte("unlikely text")), "the test looks at the right files")
	}
	check()
	end(t, f, srv)
	check()
	left, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestAFullDiskIsAnErrorUntilThereIsRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	f, srv := start(t, path)
	require.NoError(t, f.Save())
	f.endSaving()
	_, err := f.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1") // SQLite takes the size that it has
	require.NoError(t, err)
	zoe := srv.User("Zoë").Chat()
	content := make([]byte, 1<<20)
	content[5] = 1
	zoe.SendDocument("a.bin", content)
	f.Set("people", []byte("zoe"))
	err = f.Save()
	require.EqualError(t, err, "--state "+path+": the disk is full; make room, or the changes are lost when tghook ends")
	_, err = f.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	require.NoError(t, f.Save())
	end(t, f, srv)

	f, srv = start(t, path)
	assert.Len(t, srv.User("Zoë").Chat().Messages(), 1)
	assert.Equal(t, "zoe", string(f.Value("people")))
	end(t, f, srv)
}

func TestAnotherServerReplacesTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	f, srv := start(t, path)
	srv.User("Zoë").Chat().Send("before")
	f.Set("a", []byte("kept"))
	require.NoError(t, f.Save())
	srv.Close()
	second := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token})
	second.User("Ben").Chat().Send("after")
	f.Keep(second, func(err error) { t.Error(err) })
	end(t, f, second)

	f, srv = start(t, path)
	assert.Empty(t, srv.User("Zoë").Chat().Messages())
	assert.Len(t, srv.User("Ben").Chat().Messages(), 1)
	assert.Equal(t, "kept", string(f.Value("a")))
	f.Set("a", nil)
	end(t, f, srv)
	f, srv = start(t, path)
	assert.Nil(t, f.Value("a"))
	end(t, f, srv)
}

// What has changed is written each second without a call of Save.
func TestTheFileIsSavedByItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	f, srv := start(t, path)
	srv.User("Zoë").Chat().Send("hello")
	read := func() (n int) {
		require.NoError(t, f.db.QueryRowContext(t.Context(), "SELECT count(*) FROM record").Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return read() > 0 }, 20*time.Second, 50*time.Millisecond)
	end(t, f, srv)
}

// One message more in a chat of many writes little to the disk.
func TestAMessageMoreWritesLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	f, srv := start(t, path)
	zoe := srv.User("Zoë").Chat()
	for n := range 10_000 {
		zoe.Send("Message " + strconv.Itoa(n) + ", which is of a usual length")
	}
	require.NoError(t, f.Save())
	_, err := f.db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(truncate)")
	require.NoError(t, err)
	all, err := os.Stat(path)
	require.NoError(t, err)
	zoe.Send("One more")
	require.NoError(t, f.Save())
	wal, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	t.Logf("%d bytes of %d", wal.Size(), all.Size())
	assert.Less(t, wal.Size(), all.Size()/100)
	end(t, f, srv)
}
