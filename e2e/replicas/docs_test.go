package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
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
	page, err := os.ReadFile("../../docs/replicas.md")
	require.NoError(t, err)
	var source strings.Builder
	for _, pattern := range []string{"docs_test.go", "../../backends/*/*_test.go", "../../tghooktest/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			source.Write(text)
		}
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(source.String(), block) {
			t.Errorf("docs/replicas.md shows code that is not built:\n%s", block)
		}
	}
	assert.NotEmpty(t, blocks)
}
