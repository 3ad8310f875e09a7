//go:build unix

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tghook/tghook"
)

const (
	settingsEnv = "FLEET_SETTINGS"
	reportFile  = 3
	// grace is how long Serve waits for what is on its way.
	grace = time.Minute
)

// Join does the work of a process that [Start] has started, and ends the process. In any other
// process it does nothing. The context ends when [Process.Stop] is called, or when the process
// that called Start has ended.
func Join[Settings any](work func(ctx context.Context, its Settings, reports *os.File) error) {
	text, started := os.LookupEnv(settingsEnv)
	if !started {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	var its Settings
	err := json.Unmarshal([]byte(text), &its)
	if err == nil {
		err = work(ctx, its, os.NewFile(reportFile, "reports"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Ready tells [Start] that this process is at work, and its address if it has one.
func Ready(address string) { _, _ = fmt.Fprintln(os.Stdout, address) }

// Serve serves a webhook on a free port of 127.0.0.1, and calls Ready. It shuts the webhook down when
// ctx ends.
func Serve(ctx context.Context, hook *tghook.Webhook) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hook, ReadHeaderTimeout: grace, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	Ready(l.Addr().String())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(hook.Shutdown(ending), server.Shutdown(ending))
}
