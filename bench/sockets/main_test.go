package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/bench/grammy"
)

// TestMain is also the program of a server's process, with its name as an argument.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.NArg() > 0 {
		main()
		return
	}
	// It runs in the folder of make bench. With the race detector a process would take another
	// second to end.
	if err := errors.Join(os.Chdir(".."), os.Setenv("GORACE", "atexit_sleep_ms=0")); err != nil {
		panic(err)
	}
	m.Run()
}

func TestEveryServerServes(t *testing.T) {
	t.Parallel()
	all, err := measurements()
	require.NoError(t, err)
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if m.server[0] == "node" {
				grammy.Need(t)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			server, err := m.start(ctx)
			require.NoError(t, err)
			defer server.kill()
			before, err := server.ask()
			require.NoError(t, err)
			require.NoError(t, m.probe(ctx, server.address))
			after, err := server.ask()
			for ; err == nil && after.handled == 0 && ctx.Err() == nil; after, err = server.ask() { // some answer before they handle
				time.Sleep(time.Millisecond)
			}
			require.NoError(t, err)
			if before.handled != 0 || after.handled != 1 || after.empty != 0 || before.cpu == 0 || after.cpu < before.cpu {
				t.Errorf("it tells of %+v before an update and of %+v after it", before, after)
			}
			if err := server.end(); err != nil {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}
