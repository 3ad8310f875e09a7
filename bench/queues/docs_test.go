//go:build unix

package main

import (
	"context"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/docs"
)

// docs/scaling.md has copies of the code below.

var _ = func(queue tghook.Queue) *tghook.Webhook {
	publisher, err := tghook.NewPublisher(queue, tghook.DispatchConfig{Bot: 123456789}) // the number before the token's colon
	if err != nil {
		log.Fatal(err)
	}
	hook, err := tghook.New(publisher, tghook.Config{Secret: os.Getenv("TELEGRAM_SECRET")})
	if err != nil {
		log.Fatal(err)
	}
	return hook
}

var _ = func(ctx context.Context, queue tghook.Queue, handler tghook.Handler, client *tghook.Client) {
	err := tghook.Consume(ctx, queue, handler, tghook.ConsumeConfig{ // until ctx ends
		Dispatch: tghook.DispatchConfig{Bot: 123456789, Caller: client},
	})
	if err != nil {
		log.Fatal(err)
	}
}

var _ = func(publisher tghook.Handler, checkout tghook.HandlerFunc) (*tghook.Webhook, error) {
	hook, err := tghook.New(tghook.Kinds{
		tghook.KindMessage:          publisher,
		tghook.KindPreCheckoutQuery: checkout,
	}, tghook.Config{Secret: os.Getenv("TELEGRAM_SECRET")})
	return hook, err
}

var _ = func(ctx context.Context, queue tghook.Letters) {
	state, err := queue.State(ctx, 123456789)
	if err != nil {
		log.Fatal(err)
	}
	log.Print(state.Pending, " updates wait, the oldest one since ", state.Oldest)
	for _, lane := range state.Lanes {
		log.Printf("%s: %d since %v", lane.Lane, lane.Pending, lane.Oldest)
	}
	letters, err := queue.DeadLetters(ctx, 123456789, 0, 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, letter := range letters {
		log.Printf("update %d of %s: %s: %s", letter.Key.ID, letter.Lane, letter.Why, letter.Raw)
		if err := queue.PutBack(ctx, letter.Key); err != nil { // or Discard
			log.Fatal(err)
		}
	}
}

// The page shows code of this file, and of the tests and examples of the engines.
func TestTheDocumentationShowsCodeThatIsBuilt(t *testing.T) {
	t.Parallel()
	docs.Built(t, "../../docs/scaling.md", "docs_test.go", "../../backends/*/*_test.go", "../../examples/*/*.go")
}

// The tests that the table of failures names must exist.
func TestTheDocumentationNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/scaling.md")
	require.NoError(t, err)
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 2 && d.Name()[0] == '.'):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range function.FindAllSubmatch(source, -1) {
			declared[string(match[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	names := regexp.MustCompile("`((?:Test|Benchmark)\\w+)`").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		assert.True(t, declared[name[1]], "docs/scaling.md names %s, which does not exist", name[1])
	}
}
