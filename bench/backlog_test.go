package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/tghook/tghook/tghooktest"
)

// backlog is a Telegram with waiting updates, in a process of its own.
type backlog struct {
	url, token string

	process *exec.Cmd
	stdin   io.Closer
	stdout  io.Reader
}

// getUpdates is a call of getUpdates, with the time at which Telegram got it.
type getUpdates struct {
	Offset int64 `json:"offset"`
	At     int64 `json:"at"` // microseconds since 1970
}

func newBacklog(ctx context.Context, b *testing.B, size int) *backlog {
	b.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestBacklog$", strconv.Itoa(size))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	l := &backlog{process: cmd, stdin: stdin, stdout: stdout}
	if _, err := fmt.Fscanln(stdout, &l.url, &l.token); err != nil {
		b.Fatal(err)
	}
	return l
}

// end ends the process, and returns the calls that it got.
func (l *backlog) end(b *testing.B) (asked []getUpdates) {
	b.Helper()
	_ = l.stdin.Close()
	if err := json.NewDecoder(l.stdout).Decode(&asked); err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, l.stdout)
	if err := l.process.Wait(); err != nil {
		b.Fatal(err)
	}
	return asked
}

// chatsOf returns the chat of each of a number of updates.
func chatsOf(size int) []int {
	draw, chats := rand.New(rand.NewPCG(1, 1)), make([]int, size)
	for i := range chats {
		chats[i] = draw.IntN(backlogChats) + 1
	}
	return chats
}

// TestBacklog is the program of that process. Its argument is the number of waiting updates.
// It ends with its input. As a test it does nothing.
func TestBacklog(t *testing.T) {
	size, err := strconv.Atoi(flag.Arg(0))
	if err != nil {
		return
	}
	tg := tghooktest.NewServer(t)
	for n, chat := range chatsOf(size) {
		_, err := tg.Deliver(fmt.Appendf(nil, `{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private"},"text":"%s"}}`,
			n+1, chat, strings.Repeat("x", 250)))
		if err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(os.Stdout, tg.URL, tg.Token)
	_, _ = io.Copy(io.Discard, os.Stdin)
	var asked []getUpdates
	for _, call := range tg.Calls("getUpdates") {
		offset, _ := strconv.ParseInt(call.Params["offset"], 10, 64)
		asked = append(asked, getUpdates{offset, call.At.UnixMicro()})
	}
	if err := json.NewEncoder(os.Stdout).Encode(asked); err != nil {
		t.Fatal(err)
	}
}
