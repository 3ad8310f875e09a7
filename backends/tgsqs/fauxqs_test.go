package tgsqs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgsqs"
	"github.com/tghook/tghook/tghooktest"
)

// fauxqs is an emulator that others have written. It differs from SQS in this: it hands out
// one message of a group at a time, and it does not refuse to delete by an old receipt handle.
// It forgets everything when it ends.
func TestContractOnFauxqs(t *testing.T) {
	t.Parallel()
	address := startFauxqs(t)
	cfg := tgsqs.Config{
		URL:           "https://sqs.us-east-2.amazonaws.com/000000000000/updates-{bot}.fifo",
		DeadLetterURL: "https://sqs.us-east-2.amazonaws.com/000000000000/dead-{bot}.fifo",
	}
	queues := &creator{address: address, known: map[string]bool{}}
	open := func(tb testing.TB) *tgsqs.Queue {
		tb.Helper()
		q, err := tgsqs.New(newClient(address, queues), cfg)
		require.NoError(tb, err)
		return q
	}
	tghooktest.TestQueue(t, func(tb testing.TB) tghooktest.QueueBackend {
		return tghooktest.QueueBackend{
			Queue: open(tb),
			Other: open(tb),
			Gaps:  append(gaps(), tghooktest.GapLost, tghooktest.GapOldest),
		}
	})
}

// startFauxqs starts fauxqs, and returns its URL.
func startFauxqs(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	node := "fauxqs/node_modules/node-" + runtime.GOOS + "-" + arch + "/bin/node"
	if _, err := os.Stat(node); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("fauxqs is not installed (make programs): %v", err)
		}
		t.Skipf("fauxqs is not installed (make programs): %v", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), node, "--no-warnings", "fauxqs/server.mjs")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stop, err := cmd.StdinPipe() // its end is the end of the program, also when the test is killed
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stop.Close()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

// creator sends requests to fauxqs. It makes each queue when it is used for the first time.
type creator struct {
	address string

	mu    sync.Mutex
	known map[string]bool
}

func (c *creator) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var target struct {
		URL string `json:"QueueUrl"`
	}
	if err := json.Unmarshal(body, &target); err != nil {
		return nil, err
	}
	if err := c.create(r, path.Base(target.URL)); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultClient.Do(r)
}

func (c *creator) create(like *http.Request, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[name] {
		return nil
	}
	text, err := json.Marshal(map[string]any{"QueueName": name, "Attributes": map[string]string{"FifoQueue": "true"}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(like.Context(), http.MethodPost, c.address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header = like.Header.Clone()
	r.Header.Set("X-Amz-Target", "AmazonSQS.CreateQueue")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	c.known[name] = res.StatusCode == http.StatusOK
	return nil
}
