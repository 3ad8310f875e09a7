package tghook_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/docs"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// This file has the code of docs/albums.md.

func onAlbum(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": us[0].ChatID, "text": fmt.Sprintf("Thank you for %d pictures.", len(us)),
	}}, nil
}

// onAlbums does not answer an item that comes late.
func onAlbums(ctx context.Context, us []*tghook.Update) (tghook.Reply, error) {
	if tghook.IsStraggler(ctx) {
		return tghook.NoReply, nil // the album was answered already
	}
	return onAlbum(ctx, us)
}

func newBotWithAlbums(handler tghook.Handler, client *tghook.Client, store tghook.Store) (*tghook.Webhook, error) {
	bot := tghook.Chain(handler, tghook.Album(onAlbum, tghook.AlbumConfig{}))
	hook, err := tghook.New(bot, tghook.Config{
		Secret:   os.Getenv("TELEGRAM_SECRET"),
		Dispatch: tghook.DispatchConfig{Bot: client.Bot(), Caller: client, Store: store},
	})
	return hook, err
}

// A picture is an update, and an album is several. Album hands them over as one.
func ExampleAlbum() {
	tg, api := exampleTelegram(tghooktest.ServerConfig{InMemory: true})
	defer tg.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	single := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		stop() // one message is enough for an example
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "You are welcome."}}, nil
	}
	bot := tghook.Chain(tghook.HandlerFunc(single), tghook.Album(onAlbum, tghook.AlbumConfig{}))

	chat := tg.User("Ann").Chat()
	chat.SendAlbum(jpeg, jpeg, jpeg)
	chat.Send("thanks") // so that nobody waits for further pictures

	err := tghook.Run(ctx, bot, tghook.RunConfig{Token: tg.Token, Client: api})
	for _, message := range chat.Messages()[3:] {
		fmt.Println(message.Text)
	}
	fmt.Println(err)
	// Output:
	// thanks
	// Thank you for 3 pictures.
	// You are welcome.
	// <nil>
}

func TestTheAlbumsOfTheDocumentationAreHandled(t *testing.T) {
	t.Setenv("TELEGRAM_SECRET", rig.HookToken)
	_, err := newBotWithAlbums(tghook.HandlerFunc(rig.Nothing), rig.NewClient(t, tghook.ClientConfig{}), nil)
	require.NoError(t, err)
	reply, err := onAlbums(t.Context(), []*tghook.Update{{ChatID: 7}})
	require.NoError(t, err)
	assert.Equal(t, "Thank you for 1 pictures.", reply.Params.(map[string]any)["text"])
}

func TestThePageOfAlbumsShowsCodeThatCompiles(t *testing.T) {
	t.Parallel()
	assert.GreaterOrEqual(t, docs.Built(t, "docs/albums.md", "album_example_test.go"), 4)
}
