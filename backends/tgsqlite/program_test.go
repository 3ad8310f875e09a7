package tgsqlite_test

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// The program of the package documentation is the rest of this file.
func TestTheProgramOfTheDocumentationIsTheOneThatCompiles(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var program strings.Builder
	for line := range strings.Lines(string(doc)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			program.WriteString(code)
		} else if program.Len() > 0 {
			program.WriteString("\n")
		}
	}
	file, err := os.ReadFile("program_test.go")
	require.NoError(t, err)
	_, functions, found := strings.Cut(program.String(), "func main")
	assert.True(t, found, "the program")
	assert.Contains(t, string(file), "func main"+strings.TrimSpace(functions))
}

func main() {
	store, err := tgsqlite.Open("tghook.db", tgsqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = tghook.Run(ctx, tghook.HandlerFunc(hello), tghook.RunConfig{
		Token:   os.Getenv("TELEGRAM_TOKEN"),
		URL:     os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
		Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Store: store}},
	})
	stop()
	if err := errors.Join(err, store.Close()); err != nil {
		log.Fatal(err)
	}
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}
