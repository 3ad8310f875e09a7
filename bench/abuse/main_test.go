package main

import (
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/bench/grammy"
	"github.com/tghook/tghook/bench/rivals"
)

// TestMain is also the program of a receiver's process, with its name and behaviour as
// arguments.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.NArg() > 0 {
		main()
		return
	}
	if err := os.Chdir(".."); err != nil { // from where make bench runs it
		panic(err)
	}
	m.Run()
}

func TestNoReceiverThatChecksTheSecretHandlesAStrangersUpdate(t *testing.T) {
	t.Parallel()
	all, err := receivers()
	require.NoError(t, err)
	checks := []string{"grammy", "grammy_caught"}
	for _, library := range libraries() {
		if slices.Contains(library.Has, "secret") {
			checks = append(checks, library.Name)
		}
	}
	wrongSecret := abuses[slices.IndexFunc(abuses, func(a abuse) bool { return a.name == "wrong_secret" })]
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.command[0] == "node" {
				grammy.Need(t)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			line, err := wrongSecret.treat(ctx, r)
			require.NoError(t, err)
			want := []string{" 0 early ", " 1 handled ", " 0 repeated ", " 1 lives"}
			if slices.Contains(checks, r.name) {
				want[1] = " 0 handled "
			}
			if slices.Contains([]string{rivals.Own.Name, "grammy", "grammy_caught"}, r.name) {
				want = append(want, "1 1 status-401 ", " 0 lost ")
			}
			for _, figure := range want {
				assert.Contains(t, line, figure)
			}
		})
	}
}
