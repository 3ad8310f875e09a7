package main

import (
	"context"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/librarytest"
)

func TestMain(m *testing.M) { librarytest.Main(m, main) }

func TestTheBot(t *testing.T) {
	t.Parallel()
	librarytest.TestBot(t, func(ctx context.Context, cfg tghook.RunConfig, work librarytest.Work) error {
		return run(ctx, cfg, work.Greet)
	})
	librarytest.TestProgram(t)
}
