package main

import (
	"context"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/docs"
	"github.com/tghook/tghook/tghooktest"
)

// A program as docs/replicas.md shows it.
var _ = func(ctx context.Context, token string, handler tghook.Handler, store tghook.Store) (err error) {
	err = tghook.Run(ctx, handler, tghook.RunConfig{
		Token:   token,
		URL:     "https://bot.example.org/telegram",
		Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Store: store}},
	})
	return err
}

// The test of a Store as docs/replicas.md shows it.
var _ = func(t *testing.T, open func(testing.TB) tghook.Store) {
	t.Helper()
	tghooktest.TestStore(t, func(tb testing.TB) tghooktest.Backend {
		return tghooktest.Backend{Store: open(tb), Other: open(tb)} // each with a client of its own, on the same data
	})
}

// The page shows code of this file, and of the tests and examples of the Stores.
func TestTheDocumentationShowsCodeThatIsBuilt(t *testing.T) {
	t.Parallel()
	docs.Built(t, "../../docs/replicas.md", "docs_test.go", "../../backends/*/*_test.go", "../../tghooktest/*_test.go")
}
